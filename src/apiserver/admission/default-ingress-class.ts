import type { Ingress, IngressClass } from '../../api/generated/networking-v1.ts';
import { builtin } from '../../api/resource.ts';
import type { AdmissionPlugin, ObjectReader } from '../request.ts';
import { isResource } from './refuse.ts';
import { newestFirst } from './storage-defaults.ts';

const ingressClasses = builtin<IngressClass>('networking.k8s.io', 'v1', 'ingressclasses');
const defaultAnnotation = 'ingressclass.kubernetes.io/is-default-class';
const oldClassAnnotation = 'kubernetes.io/ingress.class';

/** An Ingress that names no class gets the default one (plugin/pkg/admission/network/defaultingressclass). */
export function defaultIngressClass(reader: ObjectReader): AdmissionPlugin {
  return {
    name: 'DefaultIngressClass',
    handles: (attributes) =>
      isResource(attributes, 'networking.k8s.io', 'ingresses') && attributes.operation === 'CREATE',
    async admit({ object }) {
      const { spec, metadata } = object as Ingress;
      if (!spec || spec.ingressClassName !== undefined || metadata.annotations?.[oldClassAnnotation] !== undefined)
        return;
      const defaults = reader
        .list(ingressClasses)
        .filter((one) => one.metadata.annotations?.[defaultAnnotation] === 'true')
        .sort(newestFirst);
      if (defaults[0]) spec.ingressClassName = defaults[0].metadata.name;
    },
  };
}
