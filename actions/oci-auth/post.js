// Removes the session. Reads the state that main.js saved and nothing else: inputs and environment may be those of
// another use of this action by now.
'use strict';

const { randomBytes } = require('node:crypto');
const fs = require('node:fs');
const { EOL } = require('node:os');
const path = require('node:path');
const { annotate, findPython, runOcici } = require('./run.js');

// The last resort, where Python has gone or could not do it: overwrite the key files, and remove the folder.
function remove(folder) {
  if (!path.basename(folder).startsWith('ocici-') || !fs.lstatSync(folder).isDirectory()) {
    throw new Error('that is not what this action made');
  }
  for (const name of fs.readdirSync(folder).filter((each) => each.endsWith('.pem'))) {
    const file = path.join(folder, name);
    const found = fs.lstatSync(file);
    if (found.isFile()) {
      const flag = fs.constants.O_WRONLY | (fs.constants.O_NOFOLLOW ?? 0);
      fs.writeFileSync(file, Buffer.alloc(found.size), { flag });
    }
  }
  fs.rmSync(folder, { recursive: true, force: true });
}

// Gives the exported variables back what they held before, as `take_back` in src/ocici/hosts/github.py does.
function takeBack() {
  const end = `ocici_${randomBytes(16).toString('hex')}`;
  for (const [name, value] of Object.entries(JSON.parse(process.env.STATE_variables || '{}'))) {
    fs.appendFileSync(process.env.GITHUB_ENV, [`${name}<<${end}`, value, end, ''].join(EOL));
  }
}

const isThere = (folder) => fs.lstatSync(folder, { throwIfNoEntry: false }) !== undefined;

async function main() {
  const session = process.env['STATE_session-dir'];
  if (!session) {
    return 0;
  }
  const python = findPython();
  if (python) {
    const args = ['cleanup', '--host', 'github', '--session-dir', session];
    const code = await runOcici(python, args, { ...process.env, OCICI_ACTION: '1' });
    if (!isThere(session)) {
      return code;
    }
  }
  let code = 0;
  if (isThere(session)) {
    try {
      remove(session);
      console.log(`ocici: removed the session ${session} without Python`);
    } catch (error) {
      annotate(
        'session-left',
        'something was left behind',
        `${session} could not be removed (${error.message}).`,
        'remove it by hand now; if others could read it, replace the API key.',
      );
      code = 4;
    }
  }
  // Last: what later steps see is of less weight than the key.
  try {
    takeBack();
  } catch (error) {
    console.log(`ocici: the exported variables could not be taken back (${error.message})`);
  }
  return code;
}

main().then((code) => {
  process.exitCode = code;
});
