// What main.js and post.js share: finding Python, and starting ocici with it.
'use strict';

const { spawn, spawnSync } = require('node:child_process');
const path = require('node:path');

// The launcher and ocici itself travel with the action, in src/ at the root of the repository.
const SOURCE = path.join(__dirname, '..', '..', 'src');

// Any Python will do: the launcher looks for another one if this is too old, and says so if there is none.
function findPython() {
  return [process.env.OCICI_PYTHON, 'python3', 'python', 'py'].find(
    (name) => name && spawnSync(name, ['-I', '-c', ''], { stdio: 'ignore', windowsHide: true }).status === 0,
  );
}

// Runs `python -I src ARGUMENTS` and resolves to its exit code.
//
// The runner signals this process alone when a job is cancelled (SIGINT, 7.5 s later SIGTERM, 2.5 s later it kills
// the tree), so signals are passed on, and spawn is asynchronous: spawnSync would never see them.
function runOcici(python, args, env) {
  return new Promise((resolve) => {
    // -I: a file in the workspace must not be taken for a module.
    const child = spawn(python, ['-I', SOURCE, ...args], { stdio: 'inherit', env, windowsHide: true });
    for (const signal of ['SIGINT', 'SIGTERM']) {
      process.on(signal, () => child.kill(signal));
    }
    child.on('error', () => resolve(127));
    child.on('close', (code) => resolve(code ?? 1));
  });
}

// An annotation. Percent and line ends are escaped as the runner wants it.
function annotate(title, message) {
  const escaped = message.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
  console.log(`::error title=${title}::${escaped}`);
}

module.exports = { annotate, findPython, runOcici };
