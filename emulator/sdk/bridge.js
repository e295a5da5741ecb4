// Lets a test call RC's published Node SDK: a line of JSON in, one out.
//
//   {"call": "Group.create", "args": {...}}  ->  {"reply": ...} or {"error": ...}
//
// THRONG_URL says where, THRONG_APP_KEY and THRONG_APP_SECRET as whom. The SDK
// signs once, when it starts, and keeps that signature for its whole life.
const readline = require('readline');
const sdk = require('rongcloud-sdk')({
  appkey: process.env.THRONG_APP_KEY,
  secret: process.env.THRONG_APP_SECRET,
  api: process.env.THRONG_URL,
});

const method = (path) => path.split('.').reduce((at, name) => at[name], sdk);

const answer = async (line) => {
  try {
    const { call, args } = JSON.parse(line);
    return { reply: await method(call)(args) };
  } catch (error) {
    return { error: error && error.msg ? error : String(error && error.stack || error) };
  }
};

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(JSON.stringify(await answer(line)) + '\n');
  }
})();
