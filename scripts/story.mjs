// The story of one brand, two players, two worlds and an auditor, played against a running `vestiary dev`.
//
//   node scripts/story.mjs [.vestiary-dev/dev.json [CHAPTERS]]
//
// It uses the command line, plain HTTP, and ethers, which knows nothing of us. Every step is checked; the first one
// that does not hold ends the story with status 1. With CHAPTERS only so many of its seven chapters are played.
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Contract, JsonRpcProvider, Wallet, id as keccakText } from 'ethers'
import { CommandLine, Story, current, expect, get, getJson, post, readCodes, sha256, step, summary, tell, until } from './js/story-tools.mjs'

const fixtures = join(dirname(fileURLToPath(import.meta.url)), '..', 'fixtures')
const garment = (name) => join(fixtures, 'garments', name)
const dev = JSON.parse(readFileSync(process.argv[2] ?? '.vestiary-dev/dev.json', 'utf8'))
const dir = join(dev.dir, 'story')
const cli = new CommandLine(dev)
const node = new JsonRpcProvider(dev.node, dev.chain_id, { staticNetwork: true, cacheTimeout: -1 })
const { brand, submitter, alice, bob, anchoring } = dev.accounts
const admin = { VESTIARY_API_KEY: readFileSync(dev.api_key_file, 'utf8').trim() }
const brandFile = join(dir, 'brand-api-key')
const asBrand = () => ({ VESTIARY_API_KEY: readFileSync(brandFile, 'utf8').trim() })
const segment = encodeURIComponent
const inventoryUrl = (address, world) =>
  `${dev.api}/v1/wallets/eip155%3A${dev.chain_id}%3A${address}/wearables${world ? `?world=${world}` : ''}`

const COLLECTION_ABI = [
  'function ownerOf(uint256) view returns (address)',
  'function safeTransferFrom(address from, address to, uint256 tokenId)',
  'function commitBatch((uint64 designId, uint64 firstSerial, uint64 count, uint64 edition, uint256 terms, bytes32 designDigest, bytes32 root) batch)',
  'event BatchCommitted(uint64 indexed designId, uint64 firstSerial, uint64 count, bytes32 indexed root)',
  'event Transfer(address indexed from, address indexed to, uint256 indexed tokenId)',
]
const ANCHOR_ABI = ['event Anchored(address indexed account, bytes32 indexed originHash, uint64 size, bytes32 root)']
const anchor = new Contract(dev.contracts.log_anchor, ANCHOR_ABI, node)

const tokenOf = (wearable) => BigInt(wearable.split('/')[2])
let issuerId
let collection
let contract
let origin
const roots = join(dir, 'roots.toml')
const batches = {}
const codes = []
const piece = (design, serial) => {
  const found = codes.find((code) => code.design === design && code.serial === serial)
  expect(found, `there is no code for ${design} ${serial}`)
  return found
}

async function brandRegisters() {
  step(1, 'A brand registers, and owns what it makes')
  mkdirSync(dir, { recursive: true })
  const key = ['--key-file', brand.key_file]
  const registered = await cli.run(['issuer', 'register', '--name', 'Maison Exemple', '--did', 'did:web:maison.example', ...key], admin)
  issuerId = registered.issuer.id
  expect(registered.issuer.did === 'did:web:maison.example', 'the DID is not shown')
  tell(`Maison Exemple is issuer ${issuerId} of the registry, claims ${registered.issuer.did}`)
  const log = await cli.run(['issuer', 'accept-log', '--issuer-id', issuerId, ...key])
  origin = log.origin
  const added = await cli.run(['issuer', 'add-key', '--issuer-id', issuerId, ...key])
  const seen = await getJson(`${dev.api}/v1/issuers/${issuerId}`)
  expect(seen.key_added && seen.log_accepted, 'the service does not see the key or the log')
  tell(`it accepts the public log ${origin} and lets one key sign there, from entry ${added.from_index} on`)

  await cli.run(['api-key', 'new', '--label', 'Maison Exemple', '--scope', 'issue', '--issuer-id', issuerId, '--out', brandFile], admin)
  expect((statSync(brandFile).mode & 0o777) === 0o600, 'the API key can be read by others')
  const made = await cli.run(
    ['collection', 'create', '--issuer-id', issuerId, '--name', 'Maison Exemple, spring', '--symbol', 'MXS', '--minter', submitter.address, ...key],
    asBrand(),
  )
  collection = made.collection.id
  contract = new Contract(collection.split(':').at(-1), COLLECTION_ABI, node)
  expect(made.collection.minter, 'the service does not see its minter role')
  tell(`its own collection is ${collection}`)

  const batch = { designId: 1, firstSerial: 1, count: 1, edition: 1, terms: 0, designDigest: keccakText('x'), root: keccakText('y') }
  const refused = await contract.commitBatch.staticCall(batch, { from: submitter.address }).then(
    () => undefined,
    (error) => error,
  )
  expect(refused, 'the minter could commit a batch')
  const setMinter = ['collection', 'set-minter', '--collection', collection, '--minter', submitter.address, ...key]
  const minterIs = (wanted) => async () => (await getJson(`${dev.api}/v1/collections/${segment(collection)}`)).minter === wanted
  await cli.run([...setMinter, '--revoke'])
  await until('the role is taken back', minterIs(false))
  await cli.run(setMinter)
  await until('the role is granted again', minterIs(true))
  tell('the service has a minter role that cannot commit, and that the brand took back and granted again')
}

async function brandRegistersDesigns() {
  step(2, 'It uploads garments and registers designs for two worlds')
  for (const world of ['plaza', 'pocket']) {
    await cli.run(['world', 'add', join(fixtures, 'worlds', `${world}.json`)], admin)
  }
  const unknown = await fetch(inventoryUrl(alice.address, 'atlantis'))
  expect(unknown.status === 404 && (await unknown.json()).code === 'unknown_world', 'an unknown world is not refused')
  tell('plaza and pocket said what their engines can load')
  const designs = [
    ['coat', 'torso', '500', 'coat-plaza.glb', 'coat-pocket.glb', 'A long belted coat.'],
    ['boots', 'feet', '100', 'boots-plaza.glb', 'boots-pocket.glb', 'Laced boots.'],
    ['cap', 'head.hat', 'open', 'cap-plaza.glb', 'cap-pocket.glb', 'A six-panel cap.'],
    ['evening coat', 'torso', '25', 'coat-plaza.glb', 'coat-too-rich-for-pocket.glb', 'A coat too fine for small screens.'],
  ]
  for (const [name, slot, edition, plaza, pocket, description] of designs) {
    const added = await cli.run(
      [
        'design', 'add', '--collection', collection, '--name', name, '--slot', slot, '--edition', edition,
        '--description', description, '--licence', garment('licence.txt'),
        '--file', `plaza=${garment(plaza)}`, '--file', `pocket=${garment(pocket)}`,
      ],
      asBrand(),
    )
    expect(added.design.document.representations.length === 2, `${name} has not two files`)
    expect(added.design.log_index !== '', `${name} is not in the log`)
    tell(`${name}: worn at ${slot}, edition ${edition}, a file for each world, in the log as entry ${added.design.log_index}`)
  }
}

async function brandIssues() {
  step(3, 'It issues 200 coats from a list, with one signature')
  await cli.run(['keys', 'new', '--purpose', 'claim-seed', '--out', join(dir, 'seed.key.json')])
  await cli.run(['roots', '--issuer-id', issuerId, '--out', roots])
  const issue = (list, out) => [
    'issue', '--collection', collection, '--list', join(fixtures, 'products', list), '--out', join(dir, out), '--roots', roots,
    '--key-file', brand.key_file, '--seed-file', join(dir, 'seed.key.json'),
  ]
  const bad = await cli.ask([...issue(join('rejected', 'several_errors.csv'), 'bad'), '--yes'], asBrand())
  expect(bad.status === 3 && bad.problem?.errors?.length >= 4, `a list with bad rows is not refused with all of them: ${bad.err}`)
  tell(`a list with ${bad.problem.errors.length} mistakes is refused whole, every line named`)

  const coats = issue('coats.csv', 'coats')
  const dry = await cli.run([...coats, '--dry-run'], asBrand())
  const difference = dry.difference[0]
  expect(dry.difference.length === 1 && difference.new === 200 && difference.already_issued === 0, 'the dry run shows another difference')
  tell(`the dry run says: ${difference.new} new coats, serials ${difference.first_serial} to ${difference.last_serial}, ${difference.with_code} with a code`)
  const issued = await cli.run([...coats, '--yes'], asBrand())
  expect(issued.batches.length === 1 && issued.issued === 200, 'not one batch of 200')
  const batch = issued.batches[0]
  batches.coat = batch
  expect(batch.receipt_verified, 'the receipt was not verified against the roots')
  tell(`one message signed, the receipt verified: on the chain by ${new Date(batch.commit_by * 1000).toISOString()}`)
  const events = await contract.queryFilter(contract.filters.BatchCommitted(null, null, null, batch.root))
  expect(events.length === 1 && events[0].args.count === 200n, 'the root is not on the chain once, with 200')
  const transaction = await node.getTransaction(events[0].transactionHash)
  const lanes = Object.entries(dev.accounts).filter(([name]) => name.startsWith('submitter')).map(([, lane]) => lane.address)
  expect(lanes.includes(transaction.from.toLowerCase()), 'somebody else paid for the transaction')
  tell(`its root is on the chain, all 200 in one transaction (block ${events[0].blockNumber})`)
  expect((statSync(issued.codes_file).mode & 0o777) === 0o600, 'the codes can be read by others')

  const again = await cli.run([...coats, '--yes'], asBrand())
  expect(again.batches.length === 1 && again.batches[0].id === batch.id, 'running it again made something new')
  const rest = await cli.run([...issue('shoes-and-caps.csv', 'rest'), '--yes'], asBrand())
  for (const one of rest.batches) batches[one.design_id] = one
  codes.push(...readCodes(issued.codes_file), ...readCodes(rest.codes_file))
  const coded = rest.difference.reduce((sum, one) => sum + one.with_code, 200)
  expect(codes.length === coded, `${codes.length} codes for ${coded} pieces`)
  tell(`running it again finds the same batch; ${rest.issued} more pieces of three designs follow from a second list`)

  const size = BigInt((await get(`${dev.api}/log/checkpoint`)).toString('utf8').split('\n')[1])
  await until('the checkpoint is anchored', async () => {
    const anchored = await anchor.queryFilter(anchor.filters.Anchored(anchoring.address, keccakText(origin)))
    return anchored.some((event) => event.args.size >= size)
  })
  tell(`the log's checkpoint of ${size} entries is anchored on the chain`)
}

async function playersClaim() {
  step(4, 'Two players take what is theirs')
  for (const design of ['coat', 'cap', 'evening coat', 'boots']) {
    const mine = piece(design, 1)
    const claim = await cli.run(['claim', '--wearable', mine.wearable, '--to', alice.address], { VESTIARY_CLAIM_CODE: mine.code })
    expect(['included', 'finalized'].includes(claim.claim.state), `the claim is ${claim.claim.state}`)
  }
  expect((await node.getTransactionCount(alice.address)) === 0, 'Alice had to send something herself')
  tell('Alice types the codes from her coat, cap, evening coat and boots: they are hers, at no cost')
  const used = await cli.ask(['claim', '--wearable', piece('coat', 1).wearable, '--to', bob.address], { VESTIARY_CLAIM_CODE: piece('coat', 1).code })
  expect(used.status === 3 && used.problem?.code === 'already_claimed', `a used code is not refused: ${used.err}`)
  const wrong = await cli.ask(['claim', '--wearable', piece('coat', 2).wearable, '--to', bob.address], { VESTIARY_CLAIM_CODE: piece('coat', 3).code })
  expect(wrong.status === 3 && wrong.problem?.code === 'wrong_signature', `a wrong code is not refused: ${wrong.err}`)
  tell('a used code and the code of another coat are refused, each with its reason')

  await post(`${dev.control}/service/stop`)
  const gone = await fetch(`${dev.api}/livez`).then(() => true, () => false)
  expect(!gone, 'the service still answers')
  const his = piece('coat', 2)
  await cli.run(
    ['claim', '--direct', '--wearable', his.wearable, '--batch-file', batches.coat.batch_file, '--rpc', dev.rpc, '--key-file', bob.key_file],
    { VESTIARY_CLAIM_CODE: his.code, VESTIARY_API: 'http://127.0.0.1:9' },
  )
  expect((await contract.ownerOf(tokenOf(his.wearable))).toLowerCase() === bob.address, 'the coat is not his')
  tell('with the service stopped, Bob takes his coat with nothing but the code, a copy of the batch file and a node')
  await post(`${dev.control}/service/start`)

  const wallet = new Wallet(alice.private_key, node)
  const gift = piece('boots', 1)
  const sent = await contract.connect(wallet).safeTransferFrom(alice.address, bob.address, tokenOf(gift.wearable))
  await sent.wait()
  await until('the gift is seen', async () => {
    const his = await getJson(inventoryUrl(bob.address))
    return his.wearables.some((one) => one.id === gift.wearable)
  })
  const his2 = (await getJson(inventoryUrl(bob.address))).wearables.map((one) => one.id)
  expect(his2.length === 2 && his2.includes(his.wearable), `Bob has ${his2.length} things`)
  tell('Alice gives Bob her boots, with a program that has never heard of us; he has a coat and boots now')
}

async function worldsAsk() {
  step(5, 'Two worlds ask what Alice may wear')
  const limits = { plaza: [20_000, 2_048], pocket: [2_000, 512] }
  const answers = {}
  for (const world of ['plaza', 'pocket']) {
    const answer = await until(`${world} is answered`, async () => {
      const answer = await getJson(inventoryUrl(alice.address, world))
      return answer.complete === 'yes' && answer
    })
    answers[world] = answer
    expect(answer.wearables.length === 3, `${world} is told of ${answer.wearables.length} wearables`)
    for (const one of answer.wearables.filter((one) => one.wear === 'yes')) {
      expect(one.files.length > 0, `${one.name} comes without a file`)
      const file = one.files[0]
      const bytes = await get(`${dev.api}${file.url}`)
      expect(`sha256:${sha256(bytes)}` === file.sha256, `${one.name}: the file's hash differs`)
      expect(bytes.subarray(0, 4).toString('latin1') === 'glTF' && bytes.length === file.bytes, `${one.name}: not the file that was named`)
      expect(file.triangles <= limits[world][0] && file.texture_px <= limits[world][1], `${one.name} is too rich for ${world}`)
    }
  }
  const [plaza, pocket] = [answers.plaza, answers.pocket]
  expect(plaza.wearables.every((one) => one.wear === 'yes'), 'plaza cannot show everything')
  tell('plaza gets three files within 20,000 triangles and 2,048 px, each fetched and hashed')
  const cannot = pocket.wearables.filter((one) => one.wear === 'no')
  expect(cannot.length === 1 && cannot[0].name === 'evening coat' && cannot[0].why !== '', 'pocket does not say what it cannot show')
  tell('pocket gets two files within 2,000 triangles and 512 px')
  tell(`the evening coat it cannot show (${cannot[0].why}): ${cannot[0].why_text}`)
  const nobody = await getJson(inventoryUrl(Wallet.createRandom().address.toLowerCase(), 'plaza'))
  expect(nobody.wearables.length === 0 && nobody.complete === 'yes', 'an empty answer does not say that it is complete')
  tell('somebody who has nothing gets an empty list that says it is complete')

  await post(`${dev.control}/chain/cut`)
  const behind = await until('the answer says that the chain is behind', async () => {
    const answer = await getJson(inventoryUrl(alice.address, 'plaza'))
    return answer.wearables.every((one) => one.wear === 'unknown') && answer
  })
  expect(behind.wearables.length === 3 && behind.complete === 'partial_unknown', 'something is silently left out')
  for (const one of behind.wearables) {
    expect(one.why === 'chain_behind' && one.last_known.wear === 'yes' && one.last_known.block !== '', `${one.name} does not say what was known`)
  }
  expect(Date.parse(behind.keep_until) > Date.now(), 'nothing says until when to keep what is shown')
  tell(`the cable to the chain is cut: every answer is "unknown", with what was last known, to be kept until ${behind.keep_until}`)
  await post(`${dev.control}/chain/restore`)
  await until('the answers are back', async () => {
    const answer = await getJson(inventoryUrl(alice.address, 'plaza'))
    return answer.complete === 'yes' && answer.wearables.every((one) => one.wear === 'yes')
  })
  tell('the cable is back, and so are the answers')
}

async function auditorVerifies() {
  step(6, 'An auditor verifies a certificate, offline')
  const { wearable } = piece('coat', 1)
  const base = `${dev.api}/v1/wearables/${segment(wearable)}`
  const [certificate, proof] = [join(dir, 'certificate.json'), join(dir, 'certificate.tlog-proof')]
  writeFileSync(certificate, await get(`${base}/certificate`))
  writeFileSync(proof, await get(`${base}/proof`))
  const offline = { VESTIARY_API: 'http://127.0.0.1:9', VESTIARY_RPC_URL: 'http://127.0.0.1:9' }
  delete cli.env.VESTIARY_ROOTS
  const good = await cli.ask(['verify', certificate, '--proof', proof, '--roots', roots, '--wearable', wearable], offline)
  expect(good.status === 0 && good.answer.accepted, `the certificate is not accepted: ${good.out}${good.err}`)
  const passed = good.answer.report.checks.filter((check) => check.outcome === 'passed').map((check) => check.name)
  tell(`accepted with a roots file: ${passed.join(', ')} passed`)
  const tampered = join(dir, 'tampered.json')
  const text = readFileSync(certificate, 'utf8')
  const forged = text.replace('Maison Exemple', 'Maison Exemp1e')
  expect(forged !== text, 'there was nothing to tamper with')
  writeFileSync(tampered, forged)
  const bad = await cli.ask(['verify', tampered, '--proof', proof, '--roots', roots], offline)
  const failed = bad.answer?.report.checks.filter((check) => check.outcome === 'failed') ?? []
  expect(bad.status === 3 && !bad.answer.accepted && failed.length > 0, `the tampered copy is not refused: ${bad.out}`)
  tell(`a copy with one letter changed is refused: ${failed[0].name}: ${failed[0].reason}`)
  const alone = await cli.ask(['verify', certificate, '--proof', proof], offline)
  const required = alone.answer?.report.checks.filter((check) => alone.answer.require.includes(check.name)) ?? []
  expect(alone.status === 3 && required.length === 3 && required.every((check) => check.outcome === 'unknown'), `without roots: ${alone.out}`)
  tell(`without roots nothing is vouched for: ${required.map((check) => `${check.name} unknown`).join(', ')}`)
}

async function mirrorIsRebuilt() {
  step(7, 'The mirror is deleted, and comes back the same')
  const plain = async (address) => {
    const answer = await until('a complete answer', async () => {
      const answer = await getJson(inventoryUrl(address, 'plaza'))
      return answer.complete === 'yes' && answer
    })
    return JSON.stringify(answer.wearables.map((one) => ({ ...one, last_known: undefined })))
  }
  const history = async () =>
    JSON.stringify((await getJson(`${dev.api}/v1/wearables/${segment(piece('boots', 1).wearable)}/provenance`)).steps)
  const before = [await plain(alice.address), await plain(bob.address), await history()]
  // The chain holds still, so that both digests speak of the same block.
  await node.send('evm_setIntervalMining', [0])
  try {
    await until('the service has read everything', async () => {
      const ready = await (await fetch(`${dev.api}/readyz`)).json()
      return Number(ready.block) === (await node.getBlockNumber()) && ready.log_size === ready.mirror_log_size
    })
    const refused = await cli.ask(['rebuild', '--config', dev.config])
    expect(refused.status === 3 && refused.problem?.code === 'service_running', 'rebuild runs beside the service')
    await post(`${dev.control}/service/stop`)
    const check = ['check', '--config', dev.config]
    const whole = await cli.run(check)
    expect(whole.clean, `check found something: ${JSON.stringify(whole.findings)}`)
    tell(`the service is stopped; journal, log, files and mirror are sound (${whole.mirror.rows} rows)`)
    rmSync(join(dev.data_dir, 'mirror'), { recursive: true })
    const rebuilt = await cli.run(['rebuild', '--config', dev.config])
    const again = await cli.run(check)
    expect(rebuilt.block === whole.mirror.block, `rebuilt to block ${rebuilt.block}, was ${whole.mirror.block}`)
    expect(rebuilt.row_digest === whole.mirror.row_digest && again.mirror.row_digest === rebuilt.row_digest, 'the digest differs')
    tell(`deleted and rebuilt from chain and log alone: the same digest, ${rebuilt.row_digest.slice(0, 23)}…`)
  } finally {
    await node.send('evm_setIntervalMining', [1])
  }
  await post(`${dev.control}/service/start`)
  const after = [await plain(alice.address), await plain(bob.address), await history()]
  expect(before.every((answer, index) => answer === after[index]), 'an answer differs from before')
  tell('the service answers the same as before')
}

try {
  const chapters = [brandRegisters, brandRegistersDesigns, brandIssues, playersClaim, worldsAsk, auditorVerifies, mirrorIsRebuilt]
  for (const chapter of chapters.slice(0, Number(process.argv[3] ?? chapters.length))) await chapter()
  summary()
} catch (error) {
  const why = error instanceof Story ? error.message : error.stack
  console.error(`\nThe story ended in ${current}\n${why}\nThe service's own words: ${dev.service_log}`)
  process.exitCode = 1
} finally {
  node.destroy()
}
