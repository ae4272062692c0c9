import manifest from '../package.json' with { type: 'json' };

export const vitrineVersion: string = manifest.version;
