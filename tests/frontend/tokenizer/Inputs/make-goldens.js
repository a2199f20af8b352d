// Writes goldens/NAME.jsonl for each NAME.json: what Hugging Face's tokenizers, built for Node in
// the npm package @anush008/tokenizers, make of each text of cases.json. Only needed to change the
// cases. usage: NODE_PATH=.../node_modules node make-goldens.js [CASES OUTPUT_DIRECTORY]
const fs = require('fs');
const path = require('path');
const {Tokenizer} = require('@anush008/tokenizers');

async function golden(tokenizer, text) {
  const ids = async (addSpecialTokens) =>
      [...(await tokenizer.encode(text, null, {addSpecialTokens})).getIds()];
  const all = await ids(true);
  return {
    text,
    ids: all,
    plain: await ids(false),
    decoded: await tokenizer.decode(all, true),
    whole: await tokenizer.decode(all, false),
  };
}

async function main() {
  const cases = process.argv[2] || path.join(__dirname, 'cases.json');
  const output = process.argv[3] || path.join(__dirname, 'goldens');
  const texts = JSON.parse(fs.readFileSync(cases, 'utf8'));
  fs.mkdirSync(output, {recursive: true});
  for (const file of fs.readdirSync(__dirname)) {
    const name = path.basename(file, '.json');
    if (file === 'cases.json' || !file.endsWith('.json')) continue;
    const tokenizer = Tokenizer.fromFile(path.join(__dirname, file));
    const lines = [];
    for (const text of texts) lines.push(JSON.stringify(await golden(tokenizer, text)));
    fs.writeFileSync(path.join(output, name + '.jsonl'), lines.join('\n') + '\n');
  }
}

main();
