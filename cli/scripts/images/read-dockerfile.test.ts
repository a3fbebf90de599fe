import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readDockerfile } from './read-dockerfile.ts'
import { releaseRecipes } from './recipes/release.ts'
import { testRecipes } from './recipes/test.ts'

const repository = join(import.meta.dirname, '../../..')
const minimal = 'FROM scratch\nCOPY rootfs/ /\nUSER 5555:5555\n'

describe('readDockerfile', () => {
  it('reads every instruction, over several lines and between comments', () => {
    const text = `# what it is
FROM scratch
LABEL one="a b" \\
      # between
      two=c
COPY node/ /
copy --chown=7:8 rootfs/ /
ENV PATH=/usr/bin:/bin TZ="UTC"
WORKDIR /app
USER 5555:5556
ENTRYPOINT ["/usr/bin/x", "--flag"]
CMD ["a"]
`
    expect(readDockerfile(text, 'Dockerfile')).toEqual({
      copies: [
        { folder: 'node', uid: 0, gid: 0 },
        { folder: 'rootfs', uid: 7, gid: 8 },
      ],
      user: '5555:5556',
      entrypoint: ['/usr/bin/x', '--flag'],
      command: ['a'],
      env: { PATH: '/usr/bin:/bin', TZ: 'UTC' },
      labels: { one: 'a b', two: 'c' },
      workingDir: '/app',
    })
  })

  const refused = [
    { name: 'another base', line: 'FROM debian', problem: 'FROM: only scratch is supported' },
    { name: 'a command', line: 'RUN true', problem: 'RUN: not supported' },
    { name: 'a file to elsewhere', line: 'COPY rootfs/ /opt', problem: 'COPY: only' },
    { name: 'a copy from another stage', line: 'COPY --from=build rootfs/ /', problem: 'COPY: only' },
    { name: 'an owner by name', line: 'COPY --chown=root rootfs/ /', problem: 'COPY: only' },
    { name: 'two folders at once', line: 'COPY a/ b/ /', problem: 'COPY: only' },
    { name: 'a user by name', line: 'USER sallyport', problem: 'USER: it must be <uid>:<gid>' },
    { name: 'a user without a group', line: 'USER 5555', problem: 'USER: it must be <uid>:<gid>' },
    { name: 'an entry point that needs a shell', line: 'ENTRYPOINT sallyport', problem: 'ENTRYPOINT: it must be' },
    { name: 'a command that needs a shell', line: 'CMD sleep 1', problem: 'CMD: it must be a JSON array' },
    { name: 'a variable', line: 'ENV PATH=$PATH:/opt', problem: 'ENV: variables are not supported' },
    { name: 'a relative folder', line: 'WORKDIR app', problem: 'WORKDIR: it must be absolute' },
  ]
  it.each(refused)('refuses $name', ({ line, problem }) => {
    expect(() => readDockerfile(`${minimal}${line}\n`, 'x/Dockerfile')).toThrow(`x/Dockerfile:4: ${problem}`)
  })

  it('refuses an image that runs as whoever it is run by, and one with nothing in it', () => {
    expect(() => readDockerfile('FROM scratch\nCOPY rootfs/ /\n', 'D')).toThrow('D: USER is missing')
    expect(() => readDockerfile('FROM scratch\nUSER 1:1\n', 'D')).toThrow('D: COPY is missing')
  })

  it.each([...releaseRecipes, ...testRecipes])('describes $name as it is put together', ({ dockerfile, folders }) => {
    const { copies } = readDockerfile(readFileSync(join(repository, dockerfile), 'utf8'), dockerfile)
    expect(copies.map(({ folder }) => folder)).toEqual(Object.keys(folders))
  })

  it('gives each image of a release a user of its own, who is not root, and a program to start', () => {
    const images = releaseRecipes.map(({ dockerfile }) =>
      readDockerfile(readFileSync(join(repository, dockerfile), 'utf8'), dockerfile),
    )
    expect(images.map(({ user }) => user)).toEqual(['5554:5554', '5555:5555', '5556:5556'])
    for (const { entrypoint, copies } of images) {
      expect(entrypoint[0]).toMatch(/^\/usr\/bin\/sallyport-/)
      expect(copies.every(({ uid, gid }) => uid === 0 && gid === 0)).toBe(true)
    }
  })
})
