export declare function takeLock(path: string, say: (text: string) => void): Promise<{ readonly release: () => void }>
