// Check a Sekisho assertion in a Node application (16 or newer). No packages needed; copy this file.
//
//     const claims = verifyAssertion(request.headers['x-verified-assertion'], jwks, AUDIENCE, ISSUER, Date.now() / 1000)
//
// `jwks` is the text of https://<your application>/.sekisho/keys/assertion, kept for five minutes and fetched again, at
// most once a minute, for a `kid` it does not have. AUDIENCE is your application's URL as in gateway.yaml.

import { createPublicKey, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Seconds that two machines' clocks may differ. */
const SKEW = 5

/** The token is not valid: the application must believe none of it. */
export class AssertionRefused extends Error {}

/** Return the claims, or throw AssertionRefused. */
export function verifyAssertion (token, jwks, audience, issuer, now) {
  const parts = String(token).split('.')
  if (parts.length !== 3 || !parts.every(part => /^[A-Za-z0-9_-]+$/.test(part))) throw new AssertionRefused('not a token')
  const [header, claims] = parts.slice(0, 2).map(part => {
    try {
      return JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
    } catch {
      throw new AssertionRefused('not a token')
    }
  })
  // The verifier chooses the algorithm, never the token.
  if (header?.alg !== 'ES256') throw new AssertionRefused('algorithm is not ES256')
  const keys = JSON.parse(jwks).keys.filter(key => key.kid === header.kid)
  if (keys.length !== 1 || keys[0].kty !== 'EC' || keys[0].crv !== 'P-256') throw new AssertionRefused('unknown key')
  const { kty, crv, x, y } = keys[0]
  const key = createPublicKey({ key: { kty, crv, x, y }, format: 'jwk' })
  const signature = Buffer.from(parts[2], 'base64url')
  const signed = Buffer.from(`${parts[0]}.${parts[1]}`)
  if (signature.length !== 64 || !verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, signature)) {
    throw new AssertionRefused('signature does not hold')
  }
  if (claims?.aud !== audience || claims.iss !== issuer) {
    throw new AssertionRefused('for another application, or from another gateway')
  }
  const { iat, exp } = claims
  if (!Number.isInteger(iat) || !Number.isInteger(exp) || iat > now + SKEW || exp < now - SKEW) {
    throw new AssertionRefused('not valid now')
  }
  return claims
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [token, file, audience, issuer, now] = process.argv.slice(2)
  try {
    const claims = verifyAssertion(token, readFileSync(file, 'utf8'), audience, issuer, Number(now ?? Date.now() / 1000))
    console.log(JSON.stringify(claims))
  } catch (error) {
    console.error(error.message)
    process.exit(1)
  }
}
