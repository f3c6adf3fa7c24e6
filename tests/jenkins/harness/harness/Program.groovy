package harness

import com.cloudbees.groovy.cps.Continuable

/** All of a build that Jenkins writes to disk at every step, and goes on from after a restart. */
class Program implements Serializable {

    private static final long serialVersionUID = 1
    final Map<Integer, Strand> strands = [:]
    final Map<String, Script> variables = [:]  // the library's global variables, one instance a build

}

/** One line of execution: the pipeline itself, or the body of a step. */
class Strand implements Serializable {

    private static final long serialVersionUID = 1
    int id
    int parent
    Continuable code
    Context context
    Map<String, Closure> bodies = [:]  // those of the step at which it stands

}

/** Where a step runs: folder, environment and bound credentials. What is bound is kept outside, as a secret is. */
class Context implements Serializable {

    private static final long serialVersionUID = 1
    String folder
    List<Map<String, String>> overrides = []
    List<Integer> bindings = []

    Context with(Map changes) {
        return new Context([folder: folder, overrides: overrides, bindings: bindings] + changes)
    }

}

/** A step called by the pipeline: what the pipeline's code is suspended with. */
class StepCall {

    String name
    Object[] given

}
