import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { MutatingAdmissionPolicy, ValidatingAdmissionPolicy } from '../generated/admissionregistration-v1.ts';
import { deployments } from '../resource.ts';
import { factsType, schemaType } from './checked-types.ts';
import { expressionWarnings, matchConditionExpressionErrors, policyExpressionErrors } from './policy-checks.ts';

const errorsOf = (spec: object) =>
  policyExpressionErrors({ spec } as unknown as ValidatingAdmissionPolicy & MutatingAdmissionPolicy).map(
    ({ field, message }) => `${field}: ${message!.split('\n', 1)[0]}`,
  );

const invalid = (text: string) => `Invalid value: ${JSON.stringify(text)}`;
const at = (column: number) => `compilation failed: ERROR: <input>:1:${column}:`;

describe('expressions of policies', () => {
  const cases: [what: string, spec: object, errors: string[]][] = [
    ['what is right', { validations: [{ expression: 'object.spec.replicas > 1' }] }, []],
    [
      'what is not bool',
      { validations: [{ expression: '1 + 1' }] },
      [`spec.validations[0].expression: ${invalid('1 + 1')}: must evaluate to bool`],
    ],
    [
      'fields that requests do not have',
      { validations: [{ expression: 'request.nam == "x"' }] },
      [`spec.validations[0].expression: ${invalid('request.nam == "x"')}: ${at(8)} undefined field 'nam'`],
    ],
    [
      'params of a policy without paramKind',
      { validations: [{ expression: 'params.x' }] },
      [
        `spec.validations[0].expression: ${invalid('params.x')}: ${at(1)} undeclared reference to 'params' (in container '')`,
      ],
    ],
    [
      'variables that are not declared, or only later',
      {
        variables: [
          { name: 'a', expression: 'variables.b' },
          { name: 'b', expression: '1' },
        ],
        validations: [{ expression: 'variables.b == 1 && variables.c' }],
      },
      [
        `spec.variables[0].expression: ${invalid('variables.b')}: ${at(1)} undeclared reference to 'variables' (in container '')`,
        `spec.validations[0].expression: ${invalid('variables.b == 1 && variables.c')}: ${at(30)} undefined field 'c'`,
      ],
    ],
    [
      'types of variables',
      { variables: [{ name: 'n', expression: '1' }], validations: [{ expression: "variables.n == 'x'" }] },
      [
        `spec.validations[0].expression: ${invalid("variables.n == 'x'")}: ${at(13)} found no matching overload for '_==_' applied to '(int, string)'`,
      ],
    ],
    [
      'functions that there are not, and those that there are, of others',
      {
        validations: [
          { expression: 'nothing(object)' },
          { expression: 'object.nothing()' },
          { expression: 'size(1) == 1' },
        ],
      },
      [
        `spec.validations[0].expression: ${invalid('nothing(object)')}: ${at(8)} undeclared reference to 'nothing' (in container '')`,
        `spec.validations[1].expression: ${invalid('object.nothing()')}: ${at(15)} undeclared reference to 'nothing' (in container '')`,
        `spec.validations[2].expression: ${invalid('size(1) == 1')}: ${at(5)} found no matching overload for 'size' applied to '(int)'`,
      ],
    ],
    [
      'the authorizer in a message',
      { validations: [{ expression: 'true', messageExpression: "authorizer.path('/').check('get').reason()" }] },
      [
        `spec.validations[0].messageExpression: ${invalid("authorizer.path('/').check('get').reason()")}: ${at(1)} undeclared reference to 'authorizer' (in container '')`,
      ],
    ],
    [
      'annotations that are no text',
      {
        auditAnnotations: [
          { key: 'a', valueExpression: '5' },
          { key: 'b', valueExpression: 'null' },
        ],
      },
      [`spec.auditAnnotations[0].valueExpression: ${invalid('5')}: must evaluate to one of [string null_type]`],
    ],
    [
      'patches that are no patches',
      { mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression: '[1]' } }] },
      [
        `spec.mutations[0].jsonPatch.expression: ${invalid('[1]')}: must evaluate to one of [list<JSONPatch> list list<T>]`,
      ],
    ],
  ];
  for (const [what, spec, errors] of cases)
    it(`are checked for ${what}`, () => assert.deepEqual(errorsOf(spec), errors));

  it('may ask for what the request is about', () => {
    const expression =
      "authorizer.requestResource.check('update').allowed() && authorizer.group('').resource('pods').check('get').errored()";
    assert.deepEqual(errorsOf({ validations: [{ expression }] }), []);
  });
});

describe('match conditions of webhooks', () => {
  it('know the request, but no params', () => {
    const matchConditions = [
      { name: 'a', expression: "request.userInfo.username == 'x'" },
      { name: 'b', expression: 'params == null' },
    ];
    assert.deepEqual(
      matchConditionExpressionErrors([{ matchConditions }]).map(({ field }) => field),
      ['webhooks[0].matchConditions[1].expression'],
    );
  });
});

describe('type checking (apiserver policy/validating/typechecking.go)', () => {
  const policy = (...expressions: string[]) =>
    ({ spec: { validations: expressions.map((expression) => ({ expression })) } }) as ValidatingAdmissionPolicy;

  it('knows built-in kinds', () => {
    const right = policy(
      'object.spec.replicas > 1 && object.spec.template.spec.containers.all(c, c.name.startsWith("a"))',
      'object.metadata.labels["a"] == "b" && object.metadata.creationTimestamp < timestamp("2020-01-01T00:00:00Z")',
    );
    assert.deepEqual(expressionWarnings(right, [factsType(deployments)], undefined), []);
    assert.deepEqual(expressionWarnings(policy("object.spec.replicas > '1'"), [factsType(deployments)], undefined), [
      {
        fieldRef: 'spec.validations[0].expression',
        warning:
          "apps/v1, Kind=Deployment: ERROR: <input>:1:22: found no matching overload for '_>_' applied to '(int, string)'\n | object.spec.replicas > '1'\n | .....................^\n",
      },
    ]);
  });

  it('knows custom kinds', () => {
    const schema = {
      type: 'object',
      properties: { spec: { type: 'object', properties: { at: { type: 'string', format: 'date-time' } } } },
    };
    const type = schemaType({ group: 'a.example.com', version: 'v1', kind: 'A' }, schema);
    assert.deepEqual(
      expressionWarnings(policy('object.spec.at.getFullYear() > 2000', 'object.spec.n < 1'), [type], undefined).map(
        ({ warning }) => warning.split('\n', 1)[0],
      ),
      ["a.example.com/v1, Kind=A: ERROR: <input>:1:12: undefined field 'n'"],
    );
  });
});
