import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { policyCompiler } from './compile-policy.ts'

const opa = process.env.SALLYPORT_OPA ?? 'opa'
const compiler = policyCompiler({ opa, policyDir: join(import.meta.dirname, '../../../sidecar/policy') })

const head = 'package policy\nimport rego.v1\n'

describe('policyCompiler', () => {
  it('compiles a policy to the same module every time', async () => {
    const rego = `${head}deny contains {"message": "no"} if input.statement.kind == "SelectStmt"\n`
    const [first, second] = [await compiler.compile(rego), await compiler.compile(rego)]
    if (!first.ok || !second.ok) throw new Error('does not compile')
    expect(first.volatile).toBe(false)
    expect(Buffer.from(first.wasm.subarray(0, 4)).toString('latin1')).toBe('\0asm')
    expect(first.digest).toBe(second.digest)
  })

  it.each([
    ['the time', `${head}deny contains "late" if input.now.hour > 18\n`, true],
    ['the session', `${head}deny contains "much" if input.session.rows > 18\n`, true],
    ['the whole input', `${head}deny contains "all" if count(input) > 100\n`, true],
    ['a part by a variable', `${head}deny contains key if some key, _ in input\n`, true],
    ['the statement only', `${head}deny contains "s" if input.statement.readsData\n`, false],
  ])('knows that a policy that reads %s is judged anew: %#', async (_name, rego, volatile) => {
    const compiled = await compiler.compile(rego)
    expect(compiled).toMatchObject({ ok: true, volatile })
  })

  it.each([
    ['a syntax error', `${head}deny contains "x" if {\n`, /^policy\.rego:\d+:\d+: /],
    ['a field the input does not have', `${head}deny contains "x" if input.statment.kind == "x"\n`, /policy\.rego:3:\d+: rego_type_error.*statment/s], // prettier-ignore
    ['a built-in that does I/O', `${head}deny contains "x" if http.send({"url": "http://x", "method": "GET"})\n`, /policy\.rego:3:\d+: .*http\.send/], // prettier-ignore
    ['the clock', `${head}deny contains "x" if time.now_ns() > 0\n`, /policy\.rego:3:\d+: .*time\.now_ns/],
    ['another package', 'package other\nimport rego.v1\ndeny contains "x" if true\n', /must be policy/],
    ['nothing to ask', `${head}allow if true\n`, /none of deny, mask and limit/],
  ])('refuses %s with row and column', async (_name, rego, problem) => {
    const compiled = await compiler.compile(rego)
    if (compiled.ok) throw new Error('compiles')
    expect(compiled.problems.join('\n')).toMatch(problem)
  })
})
