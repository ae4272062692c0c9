import type { CustomResourceDefinition } from '../../api/generated/apiextensions-v1.ts';
import { distinctSchemas, hasRules } from '../../api/kinds/custom-resource-definition.ts';
import { invalid } from '../../api/status-error.ts';
import { sameValue } from '../../api/validation/field-error.ts';
import type { AdmissionPlugin } from '../request.ts';

/** Compiles the CEL rules of definitions. It belongs to their validation, but the compiler is loaded only if there are rules. */
export const customResourceRules: AdmissionPlugin = {
  name: 'CustomResourceRules',
  handles: ({ resource, operation, subresource }) =>
    resource.resource === 'customresourcedefinitions' && subresource === '' && operation !== 'DELETE',
  async validate({ object, oldObject, resource }) {
    const { spec, metadata } = object as CustomResourceDefinition;
    if (oldObject && sameValue(spec, (oldObject as CustomResourceDefinition).spec)) return;
    const schemas = distinctSchemas(spec.versions).filter(({ schema }) => hasRules(schema));
    if (schemas.length === 0) return;
    const { ruleErrors } = await import('../../api/cel/rule-checks.ts');
    const causes = schemas.flatMap(({ schema, path }) => ruleErrors(schema, path));
    if (causes.length > 0) throw invalid(resource, metadata.name, causes);
  },
};
