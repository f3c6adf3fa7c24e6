package hudson

/** What Jenkins shows by its message alone, without a stack trace. */
class AbortException extends IOException {

    AbortException(String message) {
        super(message)
    }

}
