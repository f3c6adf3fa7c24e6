package harness

import org.kohsuke.groovy.sandbox.GroovyInterceptor

/** Notes every call that Jenkins's sandbox would be asked about, as `class.method(classes of the arguments)`. */
class Recorder extends GroovyInterceptor {

    private final Set<String> used

    Recorder(Set<String> used) {
        this.used = used
    }

    @Override
    Object onMethodCall(GroovyInterceptor.Invoker invoker, Object receiver, String method, Object... args) {
        note("${type(receiver)}.${method}", args)
        return super.onMethodCall(invoker, receiver, method, args)
    }

    @Override
    Object onStaticCall(GroovyInterceptor.Invoker invoker, Class receiver, String method, Object... args) {
        note("static ${receiver.name}.${method}", args)
        return super.onStaticCall(invoker, receiver, method, args)
    }

    @Override
    Object onNewInstance(GroovyInterceptor.Invoker invoker, Class receiver, Object... args) {
        note("new ${receiver.name}", args)
        return super.onNewInstance(invoker, receiver, args)
    }

    @Override
    Object onGetProperty(GroovyInterceptor.Invoker invoker, Object receiver, String property) {
        note("${type(receiver)}.${property}", null)
        return super.onGetProperty(invoker, receiver, property)
    }

    @Override
    Object onSetProperty(GroovyInterceptor.Invoker invoker, Object receiver, String property, Object value) {
        note("set ${type(receiver)}.${property}", null)
        return super.onSetProperty(invoker, receiver, property, value)
    }

    private void note(String what, Object[] args) {
        used << (args == null ? what : "${what}(${args.collect { type(it) }.join(', ')})").toString()
    }

    private static String type(Object value) {
        if (value instanceof PipelineScript) {
            return 'script'
        }
        if (value instanceof Closure) {
            return 'closure'
        }
        return value instanceof Class ? "class ${value.name}" : value?.getClass()?.name
    }

}
