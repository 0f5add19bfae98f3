export const größe = (text) => `${text}: ${[...text].length}`;
