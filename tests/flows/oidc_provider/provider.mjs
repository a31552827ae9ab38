// A provider nobody here wrote (npm's oidc-provider), configured as the Digital Authentication service is understood:
// private_key_jwt, PKCE required, pairwise subjects, one flat string for each of the four items, ES256 ID tokens.
// Started by tests/flows/test_oidc_provider.py, which says who is in front of the screen and when keys rotate.
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import Provider, { errors } from 'oidc-provider';

const { clients } = JSON.parse(process.argv[2]);
const people = {
  hanako: { name: '佐藤　花子', address: '東京都渋谷区神南1-1-1', birthdate: '19860401', gender: '2' },
  taro: { name: '鈴木　太郎', address: '埼玉県川口市青木2-1-1', birthdate: '20040229', gender: '1' },
};
let account = 'hanako';

function key(type, options, alg) {
  const { privateKey } = generateKeyPairSync(type, options);
  return { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg };
}
let keys = [key('ec', { namedCurve: 'P-256' }, 'ES256'), key('rsa', { modulusLength: 2048 }, 'RS256')];
const cookieKeys = [randomUUID()];

function makeProvider(issuer) {
  return new Provider(issuer, {
    clients: clients.map((client) => ({
      grant_types: ['authorization_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'ES256',
      id_token_signed_response_alg: 'ES256',
      subject_type: 'pairwise',
      require_auth_time: true,
      backchannel_logout_session_required: true,
      ...client,
    })),
    jwks: { keys },
    cookies: { keys: cookieKeys },
    scopes: ['openid', 'name', 'address', 'birthdate', 'gender'],
    claims: { openid: ['sub', 'acr'], name: ['name'], address: ['address'], birthdate: ['birthdate'], gender: ['gender'] },
    acrValues: ['aal3', 'crl', 'aal3 crl'],
    subjectTypes: ['pairwise'],
    pairwiseIdentifier: async (ctx, accountId, client) => `${client.clientId}.${accountId}.ppid`,
    pkce: { required: () => true },
    features: {
      devInteractions: { enabled: false },
      rpInitiatedLogout: { enabled: true },
      backchannelLogout: { enabled: true },
    },
    interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
    // Its guard against requests to private addresses, taken off: in these tests everybody lives on loopback.
    fetch: (url, { dispatcher, ...options }) => fetch(url, options),
    findAccount: async (ctx, id) => ({ accountId: id, claims: async () => ({ sub: id, ...people[id] }) }),
  });
}

let provider;
let handle;

async function interact(request, response) {
  const details = await provider.interactionDetails(request, response);
  const { prompt, params, grantId, session } = details;
  if (prompt.name === 'login') {
    const login = { accountId: account, acr: 'aal3 crl', amr: ['hwk'], remember: true };
    return provider.interactionFinished(request, response, { login });
  }
  const grant = (grantId && (await provider.Grant.find(grantId))) ||
    new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  const consent = { grantId: await grant.save() };
  return provider.interactionFinished(request, response, { consent }, { mergeWithLastSubmission: true });
}

const server = createServer((request, response) => {
  const url = new URL(request.url, 'http://127.0.0.1');
  if (url.pathname === '/control') {
    account = url.searchParams.get('account') ?? account;
    if (url.searchParams.has('rotate')) keys = [key('ec', { namedCurve: 'P-256' }, 'ES256'), ...keys.slice(1)];
    if (url.searchParams.has('rotate') || url.searchParams.has('restart')) {
      // A new one also forgets our keys, which it would keep for a minute at least.
      provider = makeProvider(provider.issuer);
      handle = provider.callback();
    }
    response.end('ok');
  } else if (url.pathname.startsWith('/interaction/')) {
    interact(request, response).catch((error) => {
      response.statusCode = error instanceof errors.OIDCProviderError ? 400 : 500;
      response.end(String(error));
    });
  } else {
    handle(request, response);
  }
});

server.listen(0, '127.0.0.1', () => {
  provider = makeProvider(`http://127.0.0.1:${server.address().port}`);
  handle = provider.callback();
  process.stdout.write(`${JSON.stringify({ issuer: provider.issuer })}\n`);
});
process.stdin.on('end', () => process.exit(0)).resume();
