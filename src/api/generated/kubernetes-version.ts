/** Of the sources that the types and tables beside this file were generated from. */
export const kubernetesVersion = '1.36.4';
