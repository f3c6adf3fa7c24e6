package harness

import com.cloudbees.groovy.cps.Continuable
import com.cloudbees.groovy.cps.SerializableScript
import org.codehaus.groovy.runtime.InvokerHelper

/** What a Jenkinsfile and a global variable of a library are compiled to: unknown methods are steps. */
abstract class PipelineScript extends SerializableScript {

    private static final long serialVersionUID = 1

    @Override
    Object invokeMethod(String name, Object args) {
        Object[] given = args instanceof Object[] ? args : [args] as Object[]
        if (name in Steps.SYMBOLS) {
            return [symbol: name] + (given[0] as Map)
        }
        if (Steps.known(name)) {
            return Continuable.suspend(name, new StepCall(name: name, given: given))
        }
        Script variable = Build.current.get().variable(name)
        if (variable) {
            return InvokerHelper.invokeMethod(variable, 'call', given)
        }
        throw new NoSuchMethodError("No such DSL method '${name}'")
    }

    @Override
    Object getProperty(String name) {
        switch (name) {
            case 'env': return new Environment()
            case 'any': return 'any'
            default: return super.getProperty(name)
        }
    }

}

/** The global variable `env`. */
class Environment implements Serializable {

    private static final long serialVersionUID = 1

    Object getProperty(String name) {
        Build build = Build.current.get()
        return build.environment(build.strand.context)[name]
    }

}
