// Signs in: starts ocici's launcher with the inputs in its environment. All logic is Python, in src/ocici.
'use strict';

const { randomBytes } = require('node:crypto');
const { appendFileSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { annotate, findPython, runOcici } = require('./run.js');

async function main() {
  const temp = process.env.RUNNER_TEMP || os.tmpdir();
  const session = path.join(temp, `ocici-${randomBytes(6).toString('hex')}`);
  // Saved before the first secret is written: post.js must know the place even if this is killed half-way.
  appendFileSync(process.env.GITHUB_STATE, `session-dir=${session}${os.EOL}`);

  const python = findPython();
  if (!python) {
    annotate(
      'no-python',
      'no Python that fits',
      'there is neither python3 nor python on the PATH of this runner.',
      'put actions/setup-python before this step, or install Python 3.10 or newer on the runner.',
    );
    return 2;
  }
  const version = process.env['INPUT_CLI-VERSION'];
  const launcher = ['--tier', 'github', ...(version ? ['--cli-version', version] : [])];
  // OCICI_ACTION tells ocici that it is this action that started it: only then it reads inputs and prints masks.
  const env = { ...process.env, OCICI_ACTION: '1' };
  return runOcici(python, [...launcher, '--', 'setup', '--host', 'github', '--session-dir', session], env);
}

main().then((code) => {
  process.exitCode = code;
});
