// node check.cjs PROGRAMS KIND FILE: reads one message as the vendor's own library does; what it does not take ends with 1.
const fs = require("node:fs");
const path = require("node:path");
const { execFileSync } = require("node:child_process");

const [programs, kind, file] = process.argv.slice(2);
const library = (name) => require(require.resolve(name, { paths: [programs] }));
const body = JSON.parse(fs.readFileSync(file, "utf8"));

const judges = {
  discord() {
    const { EmbedBuilder } = library("@discordjs/builders");
    for (const embed of body.embeds) {
      const built = new EmbedBuilder()
        .setTitle(embed.title)
        .setURL(embed.url)
        .setDescription(embed.description)
        .setColor(embed.color)
        .setAuthor({ name: embed.author.name })
        .toJSON();
      if (built.title !== embed.title) throw new Error("the title is another");
    }
  },
  teams() {
    const cards = library("adaptivecards/dist/adaptivecards.js");
    for (const attachment of body.attachments) {
      const card = new cards.AdaptiveCard();
      const context = new cards.SerializationContext();
      card.parse(attachment.content, context);
      const said = [];
      for (let at = 0; at < context.eventCount; at++) said.push(context.getEventAt(at).message);
      said.push(...card.validateProperties().validationEvents.map((event) => event.message));
      if (said.length) throw new Error(said.join("; "));
      if (card.getItemCount() < 2) throw new Error("there is nothing on the card");
    }
  },
  webhook() {
    const { Webhook } = library("standardwebhooks");
    new Webhook(body.secret).verify(body.body, body.headers);
  },
  svix() {
    const { Webhook } = library("svix");
    new Webhook(body.secret).verify(body.body, body.headers);
  },
  slack() {
    const folder = fs.mkdtempSync(path.join(path.dirname(file), "slack-"));
    const source = path.join(folder, "message.ts");
    const types = path.join(programs, "node_modules/@slack/types");
    fs.writeFileSync(
      source,
      `import type { KnownBlock } from "${types}";\nexport const blocks: KnownBlock[] = ${JSON.stringify(body.blocks)};\n`,
    );
    const compiler = path.join(programs, "node_modules/.bin/tsc");
    const options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--moduleResolution", "nodenext"];
    execFileSync(compiler, [...options, source], { stdio: ["ignore", "pipe", "inherit"] });
  },
};

try {
  judges[kind]();
} catch (error) {
  console.error(String(error.stdout ?? error.message ?? error));
  process.exit(1);
}
