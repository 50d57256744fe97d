// Expressions and what they refer to come in as JSON, values go out as JSON. The argument is where npm has put jsonata.
const jsonata = require(require("path").join(process.argv[2], "jsonata"));

async function evaluate({ expression, bindings }) {
  try {
    const program = jsonata(expression);
    program.registerFunction("parse", (text) => JSON.parse(text));
    const value = await program.evaluate(undefined, bindings);
    return value === undefined ? { nothing: true } : { value };
  } catch {
    return { nothing: true };
  }
}

(async () => {
  const asked = JSON.parse(require("fs").readFileSync(0, "utf8"));
  const said = [];
  for (const each of asked) said.push(await evaluate(each));
  process.stdout.write(JSON.stringify(said));
})();
