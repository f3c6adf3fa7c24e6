package harness

import com.cloudbees.groovy.cps.Outcome
import groovy.json.JsonOutput
import groovy.json.JsonSlurper
import java.util.concurrent.ConcurrentHashMap

/**
 * Runs builds that it is told of on standard input, one JSON object a line, several at once. On standard output it
 * tells, one JSON object a line, of each line of a log and of each build's end. tests/jenkins/controller.py is the
 * other end.
 */
class Controller {

    static void main(String[] args) {
        Map<Integer, Build> builds = new ConcurrentHashMap<>()
        PrintStream out = System.out
        System.out = System.err
        Closure tell = { Map what ->
            synchronized (out) {
                out.println(JsonOutput.toJson(what))
                out.flush()
            }
        }
        System.in.eachLine { String line ->
            Map order = (Map) new JsonSlurper().parseText(line)
            if (order.order == 'abort') {
                builds[order.id].interrupt(0, 'Aborted by the test')
            } else if (order.order == 'lose') {
                builds[order.id].loseAgent()
            } else {
                Build build = new Build(order.job, new Log({ tell(id: order.id, log: it) }))
                builds[order.id] = build
                Thread.start { tell([id: order.id] + outcome(build)) }
            }
        }
        System.exit(0)
    }

    private static Map outcome(Build build) {
        Map result = [:]
        try {
            Outcome end = build.run()
            if (end.abnormal) {
                result += [error: end.abnormal.class.name, message: end.abnormal.message]
            } else {
                result += [returned: end.normal?.toString()]
            }
        } catch (Throwable problem) {
            problem.printStackTrace()
            result += [error: "harness: ${problem.class.name}".toString(), message: problem.message]
        }
        return [error: null, message: null, returned: null] + result + [steps: build.called, used: build.used as List]
    }

}
