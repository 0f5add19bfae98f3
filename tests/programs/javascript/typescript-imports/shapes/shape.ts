export interface Shape { width: number; height: number }
export const unit: Shape = { width: 1, height: 1 };
