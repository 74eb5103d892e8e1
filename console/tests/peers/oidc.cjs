// A provider (OpenID Connect) for the tests: npm's oidc-provider with one client and one person, who is signed in
// without being asked. Writes its issuer to standard output.
//   node oidc.cjs REDIRECT_URI        packages are found through WATCHFIRE_PEERS_NPM
const http = require('node:http');
const { createRequire } = require('node:module');
const { pathToFileURL } = require('node:url');

const folder = process.env.WATCHFIRE_PEERS_NPM;
const path = createRequire(`${folder}/node_modules/x.js`).resolve('oidc-provider');

(async () => {
  const { Provider } = await import(pathToFileURL(path));
  const server = http.createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{
      client_id: 'watchfire',
      client_secret: 'a secret of the client',
      redirect_uris: [process.argv[2]],
      response_types: ['code'],
      grant_types: ['authorization_code'],
    }],
    cookies: { keys: ['a key of the tests'] },
    claims: { openid: ['sub'], profile: ['preferred_username', 'name'] },
    conformIdTokenClaims: false,
    features: { devInteractions: { enabled: false } },
    pkce: { required: () => true },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, preferred_username: 'guest.peer', name: 'Guest' }),
    }),
    loadExistingGrant: async (ctx) => {
      const grant = new provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
      grant.addOIDCScope('openid profile');
      await grant.save();
      return grant;
    },
  });
  const answer = provider.callback();
  server.on('request', async (request, response) => {
    if (!request.url.startsWith('/interaction/')) return answer(request, response);
    await provider.interactionFinished(request, response, { login: { accountId: 'peer-subject-1' } });
  });
  console.log(issuer);
})();
