// What mailauth says about each DKIM signature of each file: a line of JSON, from the first signature to the last.
const fs = require('fs');
const path = require('path');
const { createRequire } = require('module');
const { dkimVerify } = createRequire(path.join(process.env.DIR, 'node', 'x.js'))('mailauth');

const lines = fs.readFileSync(path.join(process.env.DIR, 'opendkim.dns'), 'utf8').trim().split('\n');
const records = new Map(lines.map(line => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]));
const resolver = async name => {
    const found = records.get(name);
    if (found) return [[found]];
    throw Object.assign(new Error('none'), { code: 'ENOTFOUND' });
};

(async () => {
    for (const file of process.argv.slice(2)) {
        const { results } = await dkimVerify(fs.readFileSync(file), { resolver });
        const signed = results.filter(result => result.signingDomain || result.signature);
        console.log(JSON.stringify(signed.map(result => result.status.result === 'pass')));
    }
})();
