package harness

import com.cloudbees.groovy.cps.Outcome
import groovy.io.FileType
import hudson.AbortException
import java.nio.file.Files
import java.nio.file.Path
import java.nio.file.Paths
import java.nio.file.attribute.PosixFilePermissions
import java.security.MessageDigest
import java.util.concurrent.TimeUnit
import org.jenkinsci.plugins.workflow.steps.FlowInterruptedException

/**
 * The steps of Jenkins that withOci and the pipelines of the tests call, as the plugins implement them.
 *
 * Each takes the build, the strand that called it, its context and its arguments, and ends `execution` some time.
 */
class Steps {

    /** Steps that need no agent. */
    static final Set<String> ON_CONTROLLER = ['echo', 'error', 'libraryResource', 'parallel', 'timeout', 'withEnv',
                                              'catchError', 'stage', 'steps', 'stages', 'pipeline', 'agent', 'script']
    /** Not steps but descriptions, which are given to steps. */
    static final Set<String> SYMBOLS = ['file', 'string', 'sshUserPrivateKey']
    /** What an argument without a name means. */
    static final Map<String, String> SOLE = [
        sh: 'script', echo: 'message', error: 'message', dir: 'path', withEnv: 'overrides', withCredentials: 'bindings',
        stage: 'name', node: 'label', agent: 'what', readFile: 'file', fileExists: 'file', catchError: 'message',
        libraryResource: 'resource',
    ]

    static boolean known(String name) {
        return Steps.methods.any { it.name == name && it.parameterTypes.length == 5 }
    }

    static void echo(Build build, int id, Context context, Map arguments, Execution execution) {
        arguments.message.toString().eachLine { build.log.line(it, build.secrets(context)) }
        execution.end(null)
    }

    static void error(Build build, int id, Context context, Map arguments, Execution execution) {
        throw new AbortException(arguments.message.toString())
    }

    static void isUnix(Build build, int id, Context context, Map arguments, Execution execution) {
        execution.end(build.job.unix)
    }

    // -- files, over remoting: jenkinsci/workflow-basic-steps-plugin ---------------------------------------------

    static void pwd(Build build, int id, Context context, Map arguments, Execution execution) {
        execution.end(arguments.tmp ? temporary(context) : context.folder)
    }

    static void writeFile(Build build, int id, Context context, Map arguments, Execution execution) {
        Path path = Paths.get(context.folder).resolve(arguments.file.toString())
        Files.createDirectories(path.parent)
        String text = arguments.text
        Files.write(path, arguments.encoding == 'Base64' ? Base64.decoder.decode(text) : text.getBytes('UTF-8'))
        execution.end(null)
    }

    static void readFile(Build build, int id, Context context, Map arguments, Execution execution) {
        execution.end(Paths.get(context.folder).resolve(arguments.file.toString()).getText('UTF-8'))
    }

    static void fileExists(Build build, int id, Context context, Map arguments, Execution execution) {
        execution.end(Files.exists(Paths.get(context.folder).resolve(arguments.file.toString())))
    }

    static void deleteDir(Build build, int id, Context context, Map arguments, Execution execution) {
        if (build.job.undeletable && build.called.count('deleteDir') <= build.job.undeletable) {
            throw new IOException("Unable to delete '${context.folder}'")
        }
        delete(Paths.get(context.folder))
        execution.end(null)
    }

    static void libraryResource(Build build, int id, Context context, Map arguments, Execution execution) {
        byte[] bytes = new File("${build.job.library}/resources/${arguments.resource}").bytes
        boolean binary = arguments.encoding == 'Base64'
        execution.end(binary ? Base64.encoder.encodeToString(bytes) : new String(bytes, 'UTF-8'))
    }

    // -- steps with a body ---------------------------------------------------------------------------------------

    static void dir(Build build, int id, Context context, Map arguments, Execution execution) {
        String folder = Paths.get(context.folder).resolve(arguments.path.toString())
        build.log.line("Running in ${folder}", build.secrets(context))
        pass(build, id, context.with(folder: folder), execution)
    }

    static void withEnv(Build build, int id, Context context, Map arguments, Execution execution) {
        Map<String, String> change = arguments.overrides.collectEntries { Object pair ->
            int split = pair.toString().indexOf('=')
            if (split < 0) {
                throw new IllegalArgumentException(pair.toString())
            }
            [pair.toString().substring(0, split), pair.toString().substring(split + 1)]
        }
        pass(build, id, context.with(overrides: context.overrides + [change]), execution)
    }

    /** jenkinsci/credentials-binding-plugin: BindingStep, UnbindableDir, FileBinding, SSHUserPrivateKeyBinding. */
    static void withCredentials(Build build, int id, Context context, Map arguments, Execution execution) {
        List<Path> folders = []
        Map<String, String> values = [:]
        try {
            arguments.bindings.each { Map binding -> values.putAll(bind(build, context, binding, folders)) }
        } catch (IOException problem) {
            folders.each { delete(it) }
            throw problem
        }
        if (values) {
            Set<String> names = values.keySet() - arguments.bindings*.usernameVariable
            build.log.line("Masking supported pattern matches of ${names.collect { "\$${it}" }.join(' or ')}")
        }
        build.bound[id] = values
        execution.block = true
        build.runBody(id, 'body', context.with(bindings: context.bindings + [id])) { Outcome outcome ->
            build.bound[id] = [:]
            folders.each { delete(it) }
            execution.endWith(outcome)
        }
    }

    static void timeout(Build build, int id, Context context, Map arguments, Execution execution) {
        long time = TimeUnit.valueOf(arguments.unit ?: 'MINUTES').toMillis(arguments.time)
        Timer timer = new Timer(true)
        timer.runAfter((int) time) { build.interrupt(id, 'Timeout has been exceeded') }
        execution.block = true
        build.runBody(id, 'body', context) { Outcome outcome ->
            timer.cancel()
            execution.endWith(outcome)
        }
    }

    static void catchError(Build build, int id, Context context, Map arguments, Execution execution) {
        execution.block = true
        build.runBody(id, 'body', context) { Outcome outcome ->
            if (outcome.abnormal instanceof FlowInterruptedException) {
                execution.endWith(outcome)
                return
            }
            if (outcome.abnormal) {
                build.log.line("ERROR: ${outcome.abnormal.message}", build.secrets(context))
            }
            execution.end(null)
        }
    }

    static void parallel(Build build, int id, Context context, Map arguments, Execution execution) {
        List<String> names = arguments.names
        Map<String, Outcome> outcomes = [:]
        execution.block = true
        names.each { String name ->
            build.runBody(id, name, context) { Outcome outcome ->
                outcomes[name] = outcome
                if (outcomes.size() == names.size()) {
                    Throwable problem = outcomes.values()*.abnormal.find()
                    execution.end(outcomes.collectEntries { [it.key, it.value.normal] }, problem)
                }
            }
        }
    }

    static void stage(Build build, int id, Context context, Map arguments, Execution execution) {
        pass(build, id, context, execution)
    }

    static void node(Build build, int id, Context context, Map arguments, Execution execution) {
        pass(build, id, context, execution)
    }

    // The blocks of a declarative pipeline; its own runtime is not at hand.

    static void pipeline(Build build, int id, Context context, Map arguments, Execution execution) {
        pass(build, id, context, execution)
    }

    static void stages(Build build, int id, Context context, Map arguments, Execution execution) {
        pass(build, id, context, execution)
    }

    static void steps(Build build, int id, Context context, Map arguments, Execution execution) {
        pass(build, id, context, execution)
    }

    static void agent(Build build, int id, Context context, Map arguments, Execution execution) {
        execution.end(null)
    }

    // -- sh: jenkinsci/durable-task-plugin BourneShellScript, workflow-durable-task-step-plugin DurableTaskStep ------

    static void sh(Build build, int id, Context context, Map arguments, Execution execution) {
        String text = arguments.script
        Path control = Paths.get(temporary(context)).resolve("durable-${UUID.randomUUID().toString().substring(0, 8)}")
        Files.createDirectories(control)
        Files.createDirectories(Paths.get(context.folder))
        Path script = control.resolve('script.sh.copy')
        script.setText(text, 'UTF-8')
        List<String> command = text.startsWith('#!') ? [script.toString()] : ['sh', '-xe', script.toString()]
        if (text.startsWith('#!')) {
            script.toFile().setExecutable(true)
        }
        ProcessBuilder builder = new ProcessBuilder(build.job.launcher + command)
        builder.directory(new File(context.folder))
        builder.environment().clear()
        builder.environment().putAll(build.environment(context))
        builder.environment().put('JENKINS_NODE_COOKIE', build.cookie)
        builder.environment().put('JENKINS_SERVER_COOKIE', cookie(context.folder))
        builder.redirectInput(new File('/dev/null'))
        builder.redirectErrorStream(!arguments.returnStdout)
        Process process = builder.start()
        execution.onStop = {
            build.log.line('Sending interrupt signal to process')
            kill(build, 'TERM', context.folder)
            new Timer(true).runAfter(20_000) { execution.end(null) }  // it is given up, not killed
        }
        if (execution.cause) {
            execution.onStop.call()
        }
        String output = ''
        Thread reader = Thread.start { output = arguments.returnStdout ? process.inputStream.getText('UTF-8') : '' }
        List<String> secrets = build.secrets(context)
        InputStream said = arguments.returnStdout ? process.errorStream : process.inputStream
        said.eachLine('UTF-8') { build.log.line(it, secrets) }
        int code = process.waitFor()
        reader.join()
        delete(control)
        if (arguments.returnStatus) {
            execution.end(code)
        } else if (code != 0) {
            output.eachLine { build.log.line(it, secrets) }
            execution.end(null, new AbortException("script returned exit code ${code}"))
        } else {
            execution.end(arguments.returnStdout ? output : null)
        }
    }

    /**
     * Sends `signal` to the processes of this build's steps in `folder`, or of all its steps.
     *
     * Jenkins knows its processes by variables that they inherit, and so does this. Both must match in full: several
     * builds run on one machine, of other test runs too, and the tags that they are given are not unique.
     */
    static void kill(Build build, String signal, String folder = null) {
        List<String> wanted = ["JENKINS_NODE_COOKIE=${build.cookie}".toString()]
        if (folder) {
            wanted << "JENKINS_SERVER_COOKIE=${cookie(folder)}".toString()
        }
        Set<String> told = []
        while (true) {  // one that is just starting another is told of late: so until there is no new one
            Set<String> found = processes(wanted) - told
            if (!found) {
                return
            }
            (['kill', "-${signal}".toString()] + found).execute().waitFor()
            told.addAll(found)
        }
    }

    /** The numbers of the processes that have all the `variables`, each NAME=value. */
    private static Set<String> processes(List<String> variables) {
        Set<String> found = []
        new File('/proc').eachFileMatch(FileType.DIRECTORIES, ~/\d+/) { File process ->
            try {
                if (new File(process, 'environ').text.tokenize('\0').containsAll(variables)) {
                    found << process.name
                }
            } catch (IOException gone) {
                // it has ended meanwhile, or belongs to another user
            }
        }
        return found
    }

    // ----------------------------------------------------------------------------------------------------------

    private static void pass(Build build, int id, Context context, Execution execution) {
        execution.block = true
        build.runBody(id, 'body', context) { Outcome outcome -> execution.endWith(outcome) }
    }

    private static Map<String, String> bind(Build build, Context context, Map binding, List<Path> folders) {
        Map credentials = build.job.credentials[binding.credentialsId.toString()]
        if (!credentials) {
            throw new AbortException("Could not find credentials entry with ID '${binding.credentialsId}'")
        }
        if (credentials.kind != binding.symbol) {
            throw new AbortException("Credentials '${binding.credentialsId}' is of type '${credentials.kind}' where " +
                "'${binding.symbol}' was expected")
        }
        switch (binding.symbol) {
            case 'string':
                return [(binding.variable): credentials.text]
            case 'file':
                return [(binding.variable): secretFile(context, credentials.text, folders)]
            default:
                Map values = [(binding.keyFileVariable): secretFile(context, credentials.text + '\n', folders)]
                if (binding.passphraseVariable) {
                    values[binding.passphraseVariable] = credentials.passphrase ?: ''
                }
                if (binding.usernameVariable) {
                    values[binding.usernameVariable] = credentials.username
                }
                return values
        }
    }

    private static String secretFile(Context context, String text, List<Path> folders) {
        Path all = Paths.get(temporary(context)).resolve('secretFiles')
        Path folder = Files.createDirectories(all.resolve(UUID.randomUUID().toString()))
        folders << folder
        [all, folder].each { Files.setPosixFilePermissions(it, PosixFilePermissions.fromString('rwx------')) }
        Path secret = Files.createTempFile(folder, 'file', '')
        secret.setText(text, 'UTF-8')
        Files.setPosixFilePermissions(secret, PosixFilePermissions.fromString('r--------'))
        return secret.toString()
    }

    private static String temporary(Context context) {
        return "${context.folder}@tmp".toString()
    }

    private static String cookie(String folder) {
        byte[] digest = MessageDigest.getInstance('SHA-256').digest(folder.getBytes('UTF-8'))
        return "durable-${digest.encodeHex()}".toString()
    }

    private static void delete(Path path) {
        if (Files.isDirectory(path) && !Files.isSymbolicLink(path)) {
            path.toFile().listFiles()?.each { delete(it.toPath()) }
        }
        Files.deleteIfExists(path)
    }

}
