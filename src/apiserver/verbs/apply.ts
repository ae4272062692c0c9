import type { Call } from '../backend.ts';
import { unsupportedMediaType } from '../http/media-type.ts';
import type { ApiResponse } from '../request.ts';
import type { UpdateRules } from './update-rules.ts';

/** Server-side apply (KEP-555). */
export async function apply(_call: Call, _rules: UpdateRules): Promise<ApiResponse> {
  throw unsupportedMediaType([]);
}
