package org.jenkinsci.plugins.workflow.steps

/** How a step ends when its build is aborted, or its time is over. */
class FlowInterruptedException extends InterruptedException {

    FlowInterruptedException(String cause) {
        super(cause)
    }

}
