/*
 * withOci(...) { ... } signs every OCI tool in its body in. withOci.txt is the help page, ../README.md the manual.
 *
 * Jenkins runs this file in continuation-passing style: at every step the whole program is written to disk, and it
 * goes on from there after a restart. So no value lives across a step that cannot be written (an iterator, a
 * Map.Entry, a Matcher), no step is called in a @NonCPS method or in a closure given to `each` and its like, and no
 * state is kept in the script itself, which parallel branches share.
 */
import com.cloudbees.groovy.cps.NonCPS
import groovy.transform.Field
import org.jenkinsci.plugins.workflow.steps.FlowInterruptedException

// Parameters that ocici takes as they are, each with its variable (docs/COMMANDS.md).
@Field static final Map<String, String> SETTINGS = [
    user: 'OCICI_USER',
    tenancy: 'OCICI_TENANCY',
    fingerprint: 'OCICI_FINGERPRINT',
    region: 'OCICI_REGION',
    profile: 'OCICI_PROFILE',
    validate: 'OCICI_VALIDATE',
    probe: 'OCICI_PROBE',
    endpoint: 'OCICI_ENDPOINT',
    cliVersion: 'OCICI_CLI_VERSION',
    python: 'OCICI_PYTHON',
    command: 'OCICI_COMMAND',
]

// Parameters that name credentials of Jenkins.
@Field static final List<String> CREDENTIALS = [
    'keyCredentialsId',
    'sshKeyCredentialsId',
    'bundleCredentialsId',
    'passPhraseCredentialsId',
]

// Runs ocici. It always ends well, so that its output is read: first the exit code, then the variables to set or, if
// ocici failed, what it said about that. All else that ocici says goes to the log while it works.
@Field static final String SCRIPT = '''
set +x
umask 077
tool=${OCICI_SESSION_DIR%/*}/tool
mkdir -p "$tool"
trap 'rm -rf "$tool"' EXIT

python=${OCICI_PYTHON:-$(command -v python3 || command -v python || true)}
ocici() {
    if [ -n "${OCICI_COMMAND:-}" ]; then
        "$OCICI_COMMAND" "$@"
    elif [ -n "$python" ]; then
        "$python" -I "$tool/ocici.pyz" ${OCICI_CLI_VERSION:+--cli-version "$OCICI_CLI_VERSION"} "$@"
    else
        echo 'error: no Python that fits [no-python]'
        echo '  why: There is neither python3 nor python on the PATH of this agent.'
        echo '  fix: Install Python 3.10 or newer, or name one by withOci(python: ...).'
        echo '  more: docs/TROUBLESHOOTING.md#no-python'
        return 2
    fi
}

export OCICI_JENKINS_VARIABLES="$tool/variables"
{ ocici setup --host jenkins 2>&1 || echo "$?" > "$tool/failed"; } | tee "$tool/said" >&2
if [ -e "$tool/failed" ]; then
    cat "$tool/failed"
    sed -n '/^error: /,/^  more: /{ s/^error: //; p; }' "$tool/said" | grep . || tail -n 3 "$tool/said"
else
    echo 0
    cat "$tool/variables"
fi
'''

def call(Map parameters = [:], Closure body) {
    String mistake = mistakeIn(parameters)
    if (mistake) {
        error("withOci: ${mistake}")
    }
    if (!isUnix()) {
        error('withOci: this agent runs Windows, and withOci needs a POSIX shell. Use an agent with Linux or macOS.')
    }
    String folder = "${env.WORKSPACE_TMP ?: pwd(tmp: true)}/withOci-${UUID.randomUUID()}"
    boolean passed = false
    try {
        List<String> variables = signIn(parameters, folder)
        Object result = withEnv(variables) { body() }
        passed = true
        return result
    } finally {
        remove(folder, passed)
    }
}

/** Makes the session in `folder`; returns the variables that the body gets, each as NAME=value. */
private List<String> signIn(Map parameters, String folder) {
    if (!parameters.command) {
        String zipapp = libraryResource(resource: 'ocici/ocici.pyz', encoding: 'Base64')
        writeFile(file: "${folder}/tool/ocici.pyz", text: zipapp, encoding: 'Base64')
    }
    String answer = withEnv(settings(parameters) + ["OCICI_SESSION_DIR=${folder}/ocici-session".toString()]) {
        withCredentials(bindings(parameters)) {
            sh(label: 'Sign in to OCI', script: SCRIPT, returnStdout: true)
        }
    }
    List<String> lines = Arrays.asList(answer.trim().split('\n'))
    String rest = lines.drop(1).join('\n')
    if (lines[0] != '0') {
        error("withOci: ${rest}")
    }
    return lines.drop(1)
}

/**
 * Removes `folder`: over remoting, so that it needs neither Python nor a shell. What fails to go is an error if the
 * body `passed`, and else only a line in the log, since the body's own failure says more.
 */
private void remove(String folder, boolean passed) {
    try {
        dir(folder) { deleteDir() }
    } catch (Throwable first) {
        // Once more: the first attempt may have been aborted. By the shell, too: what root made in a container, the
        // agent may not remove. An agent that has gone keeps a shell waiting, hence the timeout.
        try {
            timeout(time: 1, unit: 'MINUTES') {
                withEnv(["OCICI_LEFT=${folder}".toString()]) {
                    sh(label: 'Remove the OCI session', script: 'set +x; rm -rf -- "$OCICI_LEFT"')
                }
            }
            dir(folder) { deleteDir() }
        } catch (Throwable second) {
            String left = "withOci: ${folder} could not be removed (${second.message}). It may hold the private key: " +
                'remove it by hand, and if others could read it, replace the API key.'
            if (passed) {
                error(left)
            }
            echo(left)
            return
        }
        if (passed && first instanceof FlowInterruptedException) {
            throw first
        }
    }
}

/** What withCredentials binds: paths of files, and a pass phrase. */
private List bindings(Map parameters) {
    List bound = []
    if (parameters.keyCredentialsId) {
        bound << file(credentialsId: parameters.keyCredentialsId, variable: 'OCICI_PRIVATE_KEY_FILE')
    }
    if (parameters.bundleCredentialsId) {
        bound << file(credentialsId: parameters.bundleCredentialsId, variable: 'OCICI_CREDENTIALS_FILE')
    }
    if (parameters.sshKeyCredentialsId) {
        Map variables = [keyFileVariable: 'OCICI_PRIVATE_KEY_FILE', passphraseVariable: 'OCICI_PASS_PHRASE']
        if (!parameters.user) {
            variables.usernameVariable = 'OCICI_USER'
        }
        bound << sshUserPrivateKey([credentialsId: parameters.sshKeyCredentialsId] + variables)
    }
    if (parameters.passPhraseCredentialsId) {
        bound << string(credentialsId: parameters.passPhraseCredentialsId, variable: 'OCICI_PASS_PHRASE')
    }
    return bound
}

/** The variables for the parameters that ocici takes as they are, each as NAME=value. */
@NonCPS
private List<String> settings(Map parameters) {
    return SETTINGS.findAll { name, variable -> parameters[name] }.collect { name, variable ->
        "${variable}=${parameters[name]}".toString()
    }
}

/** What is wrong with `parameters`; empty if nothing is. */
@NonCPS
private String mistakeIn(Map parameters) {
    List<String> valid = CREDENTIALS + SETTINGS.keySet()
    Set<String> unknown = parameters.keySet() - valid
    if (unknown) {
        return "unknown parameter: ${unknown.join(', ')}. Valid are: ${valid.join(', ')}."
    }
    if (parameters.keyCredentialsId && parameters.sshKeyCredentialsId) {
        return 'keyCredentialsId and sshKeyCredentialsId both name a private key. Give one of them.'
    }
    if (parameters.command && parameters.cliVersion) {
        return 'cliVersion is installed by the launcher, which command replaces. Give one of them.'
    }
    return ''
}
