import { Shape } from './shape';

export { unit } from './shape';
export type { Shape };
export const area = ({ width, height }: Shape): number => width * height;
