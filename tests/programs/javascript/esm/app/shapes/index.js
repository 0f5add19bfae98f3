export { Circle } from './circle.js';
export default (shape) => shape.area();
