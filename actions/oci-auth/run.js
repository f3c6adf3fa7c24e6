// What main.js and post.js share: finding Python, and starting ocici with it.
'use strict';

const { spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

// The launcher and ocici itself travel with the action, in src/ at the root of the repository.
const SOURCE = path.join(__dirname, '..', '..', 'src');

// The absolute path of a Python, or undefined. Any will do: the launcher looks for another one if this is too old, and
// says so if there is none.
function findPython() {
  const own = process.env.OCICI_PYTHON;
  const named = own && path.basename(own) !== own ? path.resolve(own) : own;
  for (const name of [named, 'python3', 'python', 'py', ...cachedPythons()]) {
    // Windows looks for a program in the working directory first: that must not be the workspace.
    const options = { cwd: __dirname, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], windowsHide: true };
    const asked = name && spawnSync(name, ['-I', '-X', 'utf8', '-c', 'import sys; print(sys.executable)'], options);
    if (asked && asked.status === 0) {
      return asked.stdout.trim();
    }
  }
  return undefined;
}

// What actions/setup-python and the runner images have put into the tool cache, the newest first.
function cachedPythons() {
  const folder = path.join(process.env.RUNNER_TOOL_CACHE || '', 'Python');
  const list = (...parts) => {
    try {
      return fs.readdirSync(path.join(...parts));
    } catch {
      return []; // not there, or no folder
    }
  };
  const versions = list(folder).sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
  const file = process.platform === 'win32' ? 'python.exe' : path.join('bin', 'python3');
  return versions.flatMap((version) => list(folder, version).map((arch) => path.join(folder, version, arch, file)));
}

// Runs `python -I src ARGUMENTS` and resolves to its exit code.
//
// The runner signals this process alone when a job is cancelled (SIGINT, 7.5 s later SIGTERM, 2.5 s later it kills
// the tree: actions/runner, ProcessInvoker.cs), so signals are passed on, and spawn is asynchronous: spawnSync would
// never see them. On Windows the signal is a Ctrl-C of the console, which Python has got as well; kill() would end
// Python there and then, in the middle of undoing its work.
function runOcici(python, args, env) {
  return new Promise((resolve) => {
    // -I: a file in the workspace must not be taken for a module.
    const child = spawn(python, ['-I', SOURCE, ...args], { stdio: 'inherit', env, windowsHide: true });
    for (const signal of ['SIGINT', 'SIGTERM']) {
      process.on(signal, () => process.platform === 'win32' || child.kill(signal));
    }
    child.on('error', () => resolve(127));
    child.on('close', (code) => resolve(code ?? 1));
  });
}

// Shows a finding as an annotation. Percent and line ends are escaped as the runner wants it.
function annotate(code, title, why, fix) {
  const text = `${title} [${code}]\nwhy: ${why}\nfix: ${fix}\nmore: docs/TROUBLESHOOTING.md#${code}`;
  const escaped = text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
  console.log(`::error title=${title}::${escaped}`);
}

module.exports = { annotate, findPython, runOcici };
