export interface Parameter {
  name: string;
  in: 'query' | 'path';
  type: 'string' | 'integer' | 'boolean';
  description: string;
  required?: boolean;
  /** kubectl looks for these in the operation itself, not behind a reference (cli-runtime pkg/resource/query_param_verifier.go). */
  inline?: boolean;
}

const query = (name: string, type: Parameter['type'], description: string, inline = false): Parameter => ({
  name,
  in: 'query',
  type,
  description,
  ...(inline ? { inline } : {}),
});

const dryRun = query('dryRun', 'string', "'All': go through all stages, but store nothing.", true);
const fieldValidation = query(
  'fieldValidation',
  'string',
  "What to do with unknown and duplicate fields: 'Ignore', 'Warn' (the default) or 'Strict'.",
  true,
);
const fieldManager = query('fieldManager', 'string', 'Name of the one who makes the change.');
const resourceVersion = query('resourceVersion', 'string', 'How fresh the answer has to be.');
const timeoutSeconds = query('timeoutSeconds', 'integer', 'End the request after so long.');
const selection = [
  query('continue', 'string', 'Token of the previous part of the list.'),
  query('fieldSelector', 'string', 'Only objects with these values of fields.'),
  query('labelSelector', 'string', 'Only objects with these labels.'),
  query('limit', 'integer', 'At most so many objects in one answer.'),
  resourceVersion,
  query('resourceVersionMatch', 'string', "What resourceVersion means for a list: 'Exact' or 'NotOlderThan'."),
  query('sendInitialEvents', 'boolean', 'Begin a watch with the objects that are there.'),
  timeoutSeconds,
];
const deletion = [
  dryRun,
  query('gracePeriodSeconds', 'integer', 'How long the object has to end; 0: at once.'),
  query('orphanDependents', 'boolean', 'Deprecated: use propagationPolicy.'),
  query('propagationPolicy', 'string', "What becomes of dependents: 'Orphan', 'Background' or 'Foreground'."),
];

/** The parameters of operations (apimachinery pkg/apis/meta/v1 ListOptions, CreateOptions, …). */
export const parameters = {
  name: { name: 'name', in: 'path', type: 'string', description: 'name of the object', required: true, inline: true },
  namespace: {
    name: 'namespace',
    in: 'path',
    type: 'string',
    description: 'namespace of the object',
    required: true,
  },
  pretty: query('pretty', 'string', "'true': indent the answer."),
  list: [
    query('allowWatchBookmarks', 'boolean', 'Send BOOKMARK events now and then.'),
    ...selection,
    query('watch', 'boolean', 'Report changes instead of listing.'),
  ],
  write: [dryRun, fieldManager, fieldValidation],
  patch: [dryRun, fieldManager, fieldValidation, query('force', 'boolean', 'Take fields over from their managers.')],
  delete: deletion,
  deleteCollection: [...selection, ...deletion],
  log: [
    query('container', 'string', 'Whose log; the only container by default.'),
    query('follow', 'boolean', 'Go on with what is written later.'),
    query('insecureSkipTLSVerifyBackend', 'boolean', "Do not verify the kubelet's certificate."),
    query('limitBytes', 'integer', 'At most so many bytes.'),
    query('previous', 'boolean', 'The log of the container before its last restart.'),
    query('sinceSeconds', 'integer', 'Only lines of the last so many seconds.'),
    query('stream', 'string', "'All', 'Stdout' or 'Stderr'."),
    query('tailLines', 'integer', 'Only the last so many lines.'),
    query('timestamps', 'boolean', 'Put the time before each line.'),
  ],
} satisfies Record<string, Parameter | Parameter[]>;
