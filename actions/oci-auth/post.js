// Removes the session. Reads the state that main.js saved and nothing else: inputs and environment may be those of
// another use of this action by now.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { annotate, findPython, runOcici } = require('./run.js');

// The last resort, where Python has gone: overwrite the key files, and remove the folder.
function remove(folder) {
  if (!path.basename(folder).startsWith('ocici-') || fs.lstatSync(folder).isSymbolicLink()) {
    throw new Error('that is not what this action made');
  }
  for (const name of fs.readdirSync(folder)) {
    const file = path.join(folder, name);
    const { size } = fs.lstatSync(file);
    if (name.endsWith('.pem') && fs.lstatSync(file).isFile()) {
      fs.writeFileSync(file, Buffer.alloc(size), { flag: 'r+' });
    }
  }
  fs.rmSync(folder, { recursive: true, force: true });
}

const isThere = (folder) => fs.lstatSync(folder, { throwIfNoEntry: false }) !== undefined;

async function main() {
  const session = process.env['STATE_session-dir'];
  if (!session) {
    return 0;
  }
  const python = findPython();
  const args = ['cleanup', '--host', 'github', '--session-dir', session];
  const code = python ? await runOcici(python, args, { ...process.env, OCICI_ACTION: '1' }) : 0;
  if (!isThere(session)) {
    return code;
  }
  try {
    remove(session);
  } catch (error) {
    annotate('something was left behind', `why: ${session} could not be removed (${error.message}).\n` +
      'fix: remove it by hand now; if others could read it, replace the API key. [session-left]');
    return 4;
  }
  console.log(`ocici: removed the session ${session} without Python`);
  return 0;
}

main().then((code) => {
  process.exitCode = code;
});
