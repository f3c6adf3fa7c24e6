"""The rules under which Jenkins runs withOci: continuations that can be written to disk, and the sandbox.

tests/jenkins/test_step.py runs every path of withOci under the real CPS transform, and goes on from disk at every
step. Here it is shown that this would fail with code that breaks the rules, and which calls the sandbox sees.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.jenkins.controller import LIBRARY, Agent, Build

SOURCE = (LIBRARY / "vars" / "withOci.groovy").read_text()

# Every call that withOci makes on a value, and where Jenkins's sandbox allows it: jenkinsci/script-security-plugin,
# …/sandbox/whitelists/generic-whitelist, looked up at 1402.v94c9ce464861. Its methods, fields and steps are not in
# the list: what the script itself defines is always allowed, and so are steps, `env`, closures and text with ${}.
ALLOWED = {
    "class org.jenkinsci.plugins.workflow.steps.FlowInterruptedException.isInstance(java.io.IOException)": "method "
    "java.lang.Class isInstance java.lang.Object",
    "class org.jenkinsci.plugins.workflow.steps.FlowInterruptedException.isInstance(org.jenkinsci.plugins.workflow"
    ".steps.FlowInterruptedException)": "method java.lang.Class isInstance java.lang.Object",
    "hudson.AbortException.message": "method java.lang.Throwable getMessage",
    "java.io.IOException.message": "method java.lang.Throwable getMessage",
    "java.lang.String.split(java.lang.String)": "method java.lang.String split java.lang.String",
    "java.lang.String.trim()": "method java.lang.String trim",
    "java.util.ArrayList.join(java.lang.String)": "DefaultGroovyMethods join java.util.Collection java.lang.String",
    "java.util.ArrayList.leftShift(java.util.LinkedHashMap)": "DefaultGroovyMethods leftShift java.util.List "
    "java.lang.Object",
    "java.util.ArrayList.plus(java.util.ArrayList)": "DefaultGroovyMethods plus java.util.List java.util.Collection",
    "java.util.ArrayList.plus(java.util.LinkedHashMap$LinkedKeySet)": "DefaultGroovyMethods plus java.util.List "
    "java.util.Collection",
    "java.util.Arrays$ArrayList.drop(java.lang.Integer)": "DefaultGroovyMethods drop java.util.List int",
    "java.util.LinkedHashMap$LinkedKeySet.minus(java.util.ArrayList)": "DefaultGroovyMethods minus java.util.Set "
    "java.util.Collection",
    "java.util.LinkedHashMap.collect(closure)": "DefaultGroovyMethods collect java.util.Map groovy.lang.Closure",
    "java.util.LinkedHashMap.findAll(closure)": "DefaultGroovyMethods findAll java.util.Map groovy.lang.Closure",
    "java.util.LinkedHashMap.get(java.lang.String)": "method java.util.Map get java.lang.Object",
    "java.util.LinkedHashMap.put(java.lang.String, java.lang.String)": "method java.util.Map put java.lang.Object "
    "java.lang.Object",
    "java.util.LinkedHashMap.keySet()": "method java.util.Map keySet",
    "java.util.LinkedHashMap.plus(java.util.LinkedHashMap)": "DefaultGroovyMethods plus java.util.Map java.util.Map",
    "java.util.LinkedHashSet.join(java.lang.String)": "DefaultGroovyMethods join java.util.Collection java.lang.String",
    "org.codehaus.groovy.runtime.GStringImpl.plus(java.lang.String)": "method groovy.lang.GString plus "
    "java.lang.String",
    "static java.util.Arrays.asList([Ljava.lang.String;)": "staticMethod java.util.Arrays asList java.lang.Object[]",
    "static java.util.UUID.randomUUID()": "staticMethod java.util.UUID randomUUID",
    "static org.codehaus.groovy.runtime.ScriptBytecodeAdapter.compareNotEqual(java.lang.String, java.lang.String)": (
        "staticMethod ScriptBytecodeAdapter compareNotEqual java.lang.Object java.lang.Object"
    ),
}
OWN = re.compile(
    r"(set )?(script|closure|harness\.Environment)\.|new harness\.PipelineScript\(\)|"
    # how text with ${} is made and read
    r"new org\.codehaus\.groovy\.runtime\.GStringImpl|org\.codehaus\.groovy\.runtime\.GStringImpl\.toString\(\)|"
    r"static org\.codehaus\.groovy\.runtime\.ScriptBytecodeAdapter\.asType\(java\.util\.ArrayList, class \[L"
)


def not_allowed(build: Build) -> list[str]:
    return [call for call in build.used if call not in ALLOWED and not OWN.match(call)]


def test_the_sandbox_allows_every_call(agent: Agent) -> None:
    given = ", ".join(f"{name}: '{value}'" for name, value in agent.identity.items() if name != "user")
    for pipeline, changes in (
        (agent.sign_in("passPhraseCredentialsId: 'phrase'", key="encrypted"), {}),
        (f"withOci(bundleCredentialsId: 'bundle', endpoint: '{agent.endpoint}') {{ echo 'in' }}", {}),
        (f"withOci(sshKeyCredentialsId: 'ssh', {given}) {{ echo 'in' }}", {}),
        (agent.sign_in(), {"undeletable": 1}),
        (agent.sign_in(), {"undeletable": 2}),
        (agent.sign_in(), {"abort": {"step": 10, "when": "after"}}),
        (agent.sign_in(key="wrong"), {}),
        (agent.sign_in("regoin: 'x'"), {}),
        (agent.sign_in(), {"unix": False}),
    ):
        build = agent.build(pipeline, sandbox=True, **changes)
        assert build.used
        assert not_allowed(build) == []
        assert "harness" not in build.error, build.message


def library(folder: Path, code: str) -> Path:
    """A library with the global variable `step`."""
    (folder / "vars").mkdir()
    (folder / "vars" / "step.groovy").write_text(code)
    return folder


def test_the_sandbox_is_asked(agent: Agent, tmp_path: Path) -> None:
    code = "import com.cloudbees.groovy.cps.NonCPS\ndef call() { new File('a'); other() }\n"
    code += "@NonCPS def other() { System.getenv('PATH') }"
    build = agent.build("step()", library=library(tmp_path, code), sandbox=True)
    assert not_allowed(build) == [
        "new java.io.File(java.lang.String)",
        "static java.lang.System.getenv(java.lang.String)",
    ]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("java.util.LinkedHashMap$Entry", "for (entry in [a: 1].entrySet()) { echo entry.key }"),
        ("java.util.regex.Matcher", "def found = ('abc' =~ /b/); found.find(); echo 'x'; echo found.group()"),
        ("java.util.ArrayList$Itr", "def each = [1, 2].iterator(); echo 'x'; echo each.next().toString()"),
        (
            "java.util.stream.ReferencePipeline$Head",
            "def values = [1].stream(); echo 'x'; echo values.count().toString()",
        ),
    ],
)
def test_a_step_that_cannot_be_written_to_disk_fails(agent: Agent, tmp_path: Path, name: str, code: str) -> None:
    build = agent.build("step()", library=library(tmp_path, f"def call() {{ {code} }}"))
    assert build.error == "java.io.NotSerializableException"
    assert build.message == name


def test_a_step_in_a_method_that_is_not_transformed_cuts_it_short(agent: Agent, tmp_path: Path) -> None:
    code = "import com.cloudbees.groovy.cps.NonCPS\n@NonCPS def call() { echo 'first'; echo 'second' }"
    build = agent.build("step()", library=library(tmp_path, code))
    assert "first" in build.log
    assert "second" not in build.log


def test_no_step_in_what_is_not_transformed() -> None:
    """At source level, too: no path can hide what the harness does not reach."""
    untransformed = re.findall(r"@NonCPS\n.*?\n\}\n", SOURCE, re.DOTALL)
    assert len(untransformed) == SOURCE.count("@NonCPS\n") == 2
    steps = "sh|echo|error|dir|deleteDir|withEnv|withCredentials|writeFile|readFile|libraryResource|timeout|pwd|isUnix"
    for method in untransformed:
        assert not re.search(rf"\b({steps})\(", method)
    assert not re.search(r"\.(each|every|any|times|collectMany|inject)\b", SOURCE)


def test_the_script_holds_no_state_and_no_interpolated_shell() -> None:
    assert all(line.startswith("@Field static final ") for line in SOURCE.splitlines() if line.startswith("@Field"))
    assert not re.search(r"^(def )?\w+ = ", SOURCE, re.MULTILINE)
    scripts = re.findall(r"\bscript: ([^,)]+)", SOURCE)
    assert scripts == ["SCRIPT", """'set +x; rm -rf -- "$OCICI_LEFT"'"""]
    assert "SCRIPT = '''\nset +x\n" in SOURCE
