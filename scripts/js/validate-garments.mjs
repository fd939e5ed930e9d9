// Runs the Khronos validator over the garments: no errors, no warnings, and the numbers of the README.
//
//     node scripts/js/validate-garments.mjs          after `npm ci` in scripts/

import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import validator from 'gltf-validator'

const garments = fileURLToPath(new URL('../../fixtures/garments/', import.meta.url))
const readme = readFileSync(garments + 'README.md', 'utf8')
let bad = 0

for (const name of readdirSync(garments).filter((name) => name.endsWith('.glb')).sort()) {
  const report = await validator.validateBytes(new Uint8Array(readFileSync(garments + name)), { uri: name })
  const { numErrors, numWarnings, messages } = report.issues
  const triangles = report.info.totalTriangleCount
  const listed = readme.split('\n').find((line) => line.startsWith(`| ${name} |`))
  const agrees = listed?.includes(`| ${triangles.toLocaleString('en')} |`)
  if (numErrors + numWarnings > 0 || !agrees) bad += 1
  console.log(`${name}: ${numErrors} errors, ${numWarnings} warnings, ${triangles} triangles` +
    (agrees ? '' : ' (the README says otherwise)'))
  for (const { code, message, pointer } of messages) console.log(`  ${code} ${pointer}: ${message}`)
}
process.exit(bad === 0 ? 0 : 1)
