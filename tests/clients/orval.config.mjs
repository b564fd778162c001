export default { api: { input: "../openapi.json", output: { target: "src/orval.ts", client: "fetch", headers: true } } };
