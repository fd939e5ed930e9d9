// What the story needs of the machine: the command line, HTTP, patience, and a voice.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

const started = Date.now()
const tty = process.stdout.isTTY
const paint = (code, text) => (tty ? `\u001b[${code}m${text}\u001b[0m` : text)

export let current = 'before the first step'
let notes = 0

export function step(number, title) {
  current = `step ${number}: ${title}`
  console.log(`\n${paint('1', `${number}. ${title}`)}`)
}

export function tell(text) {
  notes += 1
  console.log(`   ${paint('32', '✓')} ${text}`)
}

export function summary() {
  const seconds = ((Date.now() - started) / 1000).toFixed(0)
  console.log(`\n${paint('32', 'Every step held')}: ${notes} things checked in ${seconds} s.`)
}

export class Story extends Error {}

export function expect(holds, what) {
  if (!holds) throw new Story(what)
}

export const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

// Asks again until `look` answers something true.
export async function until(what, look, seconds = 90) {
  const end = Date.now() + seconds * 1000
  let last
  for (;;) {
    try {
      const found = await look()
      if (found) return found
    } catch (error) {
      last = error
    }
    if (Date.now() > end) throw new Story(`${what}: not within ${seconds} seconds${last ? ` (${last.message})` : ''}`)
    await sleep(200)
  }
}

// The command line, as a person would use it, with --json. Answers {status, answer, problem}.
export class CommandLine {
  constructor(dev) {
    this.program = dev.vestiary
    this.env = {
      ...process.env,
      VESTIARY_API: dev.api,
      VESTIARY_RPC_URL: dev.rpc,
      VESTIARY_DEPLOYMENT: dev.deployment,
      VESTIARY_PASSPHRASE: readFileSync(dev.passphrase_file, 'utf8').trimEnd(),
      VESTIARY_ALLOW_DEVELOPMENT_KEYS: 'true',
      VESTIARY_API_KEY: '',
    }
  }

  async ask(args, env = {}) {
    const child = spawn(this.program, ['--json', ...args], { env: { ...this.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    let out = ''
    let err = ''
    child.stdout.on('data', (data) => (out += data))
    child.stderr.on('data', (data) => (err += data))
    const status = await new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('close', resolve)
    })
    const parse = (text) => {
      try {
        return JSON.parse(text)
      } catch {
        return undefined
      }
    }
    return { status, answer: parse(out), problem: parse(err), out, err }
  }

  // The same, where anything but success ends the story.
  async run(args, env = {}) {
    const { status, answer, out, err } = await this.ask(args, env)
    expect(status === 0, `vestiary ${args.join(' ')} ended with ${status}: ${err || out}`)
    expect(answer !== undefined, `vestiary ${args[0]} did not answer one JSON object: ${out}`)
    return answer
  }
}

export async function get(url) {
  const response = await fetch(url, { signal: AbortSignal.timeout(30_000) })
  const bytes = Buffer.from(await response.arrayBuffer())
  expect(response.ok, `GET ${url} answered ${response.status}: ${bytes.toString('utf8').slice(0, 500)}`)
  return bytes
}

export const getJson = async (url) => JSON.parse((await get(url)).toString('utf8'))

export async function post(url) {
  const response = await fetch(url, { method: 'POST', signal: AbortSignal.timeout(120_000) })
  const text = await response.text()
  expect(response.ok, `POST ${url} answered ${response.status}: ${text}`)
  return JSON.parse(text)
}

// The printer's file, by design and serial.
export function readCodes(path) {
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
  expect(lines[0] === 'wearable,design,serial,sku,gtin,code', `${path} has other columns`)
  return lines.slice(1).map((line) => {
    const [wearable, design, serial, , , code] = line.split(',')
    return { wearable, design, serial: Number(serial), code }
  })
}
