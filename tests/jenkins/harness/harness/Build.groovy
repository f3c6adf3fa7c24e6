package harness

import com.cloudbees.groovy.cps.Continuable
import com.cloudbees.groovy.cps.Continuation
import com.cloudbees.groovy.cps.CpsTransformer
import com.cloudbees.groovy.cps.Envs
import com.cloudbees.groovy.cps.ObjectInputStreamWithLoader
import com.cloudbees.groovy.cps.impl.CpsCallableInvocation
import com.cloudbees.groovy.cps.sandbox.DefaultInvoker
import com.cloudbees.groovy.cps.sandbox.Invoker
import com.cloudbees.groovy.cps.sandbox.SandboxInvoker
import com.cloudbees.groovy.cps.Outcome
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.ExecutorService
import java.util.concurrent.Executors
import java.util.concurrent.LinkedBlockingQueue
import org.codehaus.groovy.control.CompilerConfiguration
import org.codehaus.groovy.control.customizers.ImportCustomizer
import org.codehaus.groovy.runtime.GroovyCategorySupport
import org.jenkinsci.plugins.workflow.steps.FlowInterruptedException

/**
 * One build of a pipeline, run as Jenkins runs it: compiled by the real CPS transform, on one thread for all code,
 * suspended at every step, written to disk there and, unless told otherwise, gone on with from what was read back,
 * as after a restart of the controller. Steps run on threads of their own, as on an agent.
 *
 * `job` says what to run; see Run in tests/jenkins/controller.py, which writes it.
 */
class Build {

    static final ThreadLocal<Build> current = new ThreadLocal<>()

    final Map job
    final Log log
    final String cookie = UUID.randomUUID()  // in the environment of this build's processes, and of no others
    final Map<Integer, Map> bound = new ConcurrentHashMap<>()  // what withCredentials has bound
    final List<String> called = Collections.synchronizedList([])  // every step, by name
    final Set<String> used = Collections.synchronizedSet(new TreeSet())  // every call that the sandbox was asked about
    volatile boolean lost  // the agent has gone
    Program program = new Program()
    Strand strand  // the one whose code runs

    private final LinkedBlockingQueue<Closure> work = new LinkedBlockingQueue<>()
    private final ExecutorService agent = Executors.newCachedThreadPool()
    private final Map<Integer, Closure> ends = new ConcurrentHashMap<>()  // what waits for the end of a strand
    private final Map<Integer, Execution> executions = new ConcurrentHashMap<>()  // the step of each strand
    private final Map<Integer, Integer> parents = new ConcurrentHashMap<>()
    private GroovyShell shell
    private int strands
    private Outcome outcome

    Build(Map job, Log log) {
        this.job = job
        this.log = log
    }

    /** Runs the pipeline to its end; returns how it ended. */
    Outcome run() {
        current.set(this)
        Recorder recorder = new Recorder(used)
        recorder.register()
        try {
            shell = new GroovyShell(Build.classLoader, new Binding(), compiler())
            Script script = shell.parse(job.pipeline, 'Jenkinsfile.groovy')
            Context context = new Context(folder: job.env.WORKSPACE)
            begin(0, new Continuable(script, Envs.empty(invoker())), context) { Outcome end -> outcome = end }
            while (outcome == null) {
                work.take().call()
            }
            return outcome
        } finally {
            recorder.unregister()
            agent.shutdownNow()
        }
    }

    /** The global variable `name` of the library, or null. */
    Script variable(String name) {
        File source = new File("${job.library}/vars/${name}.groovy")
        if (!program.variables[name] && source.file) {
            program.variables[name] = shell.parse(source)
        }
        return program.variables[name]
    }

    /** The environment of a step in `context`. */
    Map<String, String> environment(Context context) {
        Map<String, String> result = new TreeMap<>(job.env)
        context.overrides.each { Map<String, String> change ->
            change.each { name, value ->
                if (name.startsWith('PATH+')) {
                    result.PATH = "${value}:${result.PATH}".toString()
                } else {
                    result[name] = value
                }
            }
        }
        context.bindings.each { result.putAll(bound[it]) }
        return result
    }

    /** The secrets that are hidden in the log of a step in `context`. */
    List<String> secrets(Context context) {
        return context.bindings.collectMany { bound[it].findAll { name, value -> name != 'OCICI_USER' }.values() }
    }

    /** Runs the body `name` of the step at which strand `parent` stands, then gives its outcome to `whenDone`. */
    void runBody(int parent, String name, Context context, Closure whenDone) {
        work.add {
            try {
                program.strands[parent].bodies[name].call()
                throw new AssertionError((Object) 'the body of a step is not transformed')
            } catch (CpsCallableInvocation call) {
                Continuable code = new Continuable(call.invoke(Envs.empty(invoker()), null, Continuation.HALT))
                begin(parent, code, context, whenDone)
            }
        }
    }

    /** Interrupts whatever runs in the body of the step at which strand `top` stands (0: in the whole build). */
    void interrupt(int top, String why) {
        executions.each { int id, Execution execution ->
            int ancestor = id
            while (ancestor != top && ancestor != 0) {
                ancestor = parents[ancestor]
            }
            if (ancestor == top && id != top) {
                execution.stop(new FlowInterruptedException(why))
            }
        }
    }

    /** The agent dies: its processes are gone at once, and no step reaches it any more. */
    void loseAgent() {
        lost = true
        List<Execution> cut = executions.values().findAll { !it.block }
        cut*.cause = new FlowInterruptedException('Agent was removed')
        Steps.kill(this, 'KILL')
        cut.each { it.end(null) }
    }

    private int begin(int parent, Continuable code, Context context, Closure whenDone) {
        int id = ++strands
        program.strands[id] = new Strand(id: id, parent: parent, code: code, context: context)
        parents[id] = parent
        ends[id] = whenDone
        work.add { advance(id, new Outcome(null, null)) }
        return id
    }

    /** Runs the code of strand `id` up to its next step, or its end. */
    private void advance(int id, Outcome value) {
        strand = program.strands[id]
        Outcome reached = GroovyCategorySupport.use(Continuable.categories) { strand.code.run0(value) }
        if (!strand.code.resumable) {
            program.strands.remove(id)
            ends.remove(id).call(reached)
            return
        }
        StepCall call = (StepCall) reached.normal
        Map arguments = [:]
        if (call.given && call.given[-1] instanceof Closure) {
            strand.bodies = [body: call.given[-1]]
            call.given = call.given[0..<-1]
        }
        if (call.name == 'parallel') {
            strand.bodies = call.given[0].findAll { it.value instanceof Closure }
            arguments = [names: strand.bodies.keySet() as List]
        } else if (call.given) {
            arguments = call.given[0] instanceof Map ? call.given[0] : [(Steps.SOLE[call.name]): call.given[0]]
        }
        arguments.each { name, argument -> refuseSecret(call.name, "${argument}") }
        try {
            save()
        } catch (IOException problem) {
            work.add { advance(id, new Outcome(null, problem)) }
            return
        }
        called << call.name
        execute(id, call.name, arguments, called.size())
    }

    private void execute(int id, String name, Map arguments, int number) {
        Execution execution = new Execution({ Outcome end ->
            executions.remove(id)
            work.add {
                program.strands[id].bodies = [:]
                advance(id, end)
            }
        })
        executions[id] = execution
        Map abort = job.abort ?: [:]
        if (abort.step == number && abort.when == 'after') {
            execution.replaced = new FlowInterruptedException('Aborted by the test')
        }
        if (abort.step == number && abort.when == 'before') {
            execution.end(null, new FlowInterruptedException('Aborted by the test'))
            return
        }
        log.line("[Pipeline] ${name}")
        Context context = program.strands[id].context
        agent.submit {
            try {
                if (lost && !(name in Steps.ON_CONTROLLER)) {
                    throw new IOException("Unable to create live FilePath for ${job.env.NODE_NAME}")
                }
                Steps."${name}"(this, id, context, arguments, execution)
            } catch (Throwable problem) {
                execution.end(null, problem)
            }
        }
    }

    /** Writes the program as Jenkins does; goes on with what was read back. */
    private void save() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream()
        new ObjectOutputStream(bytes).withCloseable { it.writeObject(program) }
        bound.values().each { refuseSecret('program.dat', bytes.toString('ISO-8859-1')) }
        if (job.restart) {
            InputStream written = new ByteArrayInputStream(bytes.toByteArray())
            program = (Program) new ObjectInputStreamWithLoader(written, shell.classLoader).readObject()
        }
    }

    /** Jenkins warns of a secret in a step's argument, and would write it to disk: here it ends the build. */
    private void refuseSecret(String where, String text) {
        job.credentials.values().each { Map credentials ->
            [credentials.text, credentials.passphrase].findAll()*.readLines().flatten().each { String line ->
                if (line.length() > 7 && !line.startsWith('-----') && text.contains(line)) {
                    throw new AssertionError((Object) "a secret stands in ${where}")
                }
            }
        }
    }

    private CompilerConfiguration compiler() {
        CompilerConfiguration configuration = new CompilerConfiguration()
        configuration.scriptBaseClass = PipelineScript.name
        configuration.addCompilationCustomizers(
            new ImportCustomizer().addStarImports('com.cloudbees.groovy.cps'),
            job.sandbox ? new SandboxTransform() : new CpsTransformer())
        return configuration
    }

    private Invoker invoker() {
        return job.sandbox ? new SandboxInvoker() : new DefaultInvoker()
    }

}

/** A step that runs. It ends once: with a value, with a problem, or by being stopped. */
class Execution {

    volatile Throwable cause  // why it was stopped
    volatile Closure onStop  // what stops it earlier than by waiting for its end
    volatile boolean block  // it only waits for its body: what is stopped is the step in there
    FlowInterruptedException replaced  // what it ends with, whatever it did
    private final Closure whenDone
    private boolean ended

    Execution(Closure whenDone) {
        this.whenDone = whenDone
    }

    synchronized void end(Object value, Throwable problem = null) {
        if (!ended) {
            ended = true
            Throwable end = replaced ?: cause ?: problem
            whenDone.call(end ? new Outcome(null, end) : new Outcome(value, null))
        }
    }

    void endWith(Outcome outcome) {
        end(outcome.normal, outcome.abnormal)
    }

    void stop(FlowInterruptedException why) {
        if (!block) {
            cause = why
            onStop?.call()
        }
    }

}
