// Main and post step of an action that looks at what the action under test has left behind it.
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const temp = process.env.RUNNER_TEMP;

if (!process.env.STATE_begun) {
  fs.appendFileSync(process.env.GITHUB_STATE, 'begun=yes\n');
} else {
  if (process.env.SNAPSHOT) {
    fs.cpSync(temp, process.env.SNAPSHOT, { recursive: true }); // act removes the folder; the test wants to search it
  }
  const variables = Object.entries(process.env).filter(([name]) => /^OCI(CI)?_/.test(name));
  for (const [name, value] of variables) {
    console.log(`afterwards ${name}=[${value}]`);
  }
  const left = fs.readdirSync(temp).filter((name) => name.startsWith('ocici-'));
  const exported = variables.filter(([, value]) => value.startsWith(path.join(temp, 'ocici-'))).map(([name]) => name);
  console.log(`left behind: ${[...left, ...exported].join(', ') || 'nothing'}`);
  process.exitCode = left.length || exported.length ? 1 : 0;
}
