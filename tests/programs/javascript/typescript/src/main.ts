import { Stack, type Shape } from './stack.ts';

enum Level { Low = 1, High }

namespace Text {
  export const twice = (s: string): string => s + s;
}

abstract class Named {
  constructor(protected readonly name: string) {}
  abstract shout(): string;
}

class Dog extends Named {
  override shout(): string {
    return `${this.name.toUpperCase()}!` as const;
  }
}

const stack = new Stack<Shape>();
stack.push({ kind: 'circle', r: 1 });
stack.push({ kind: 'square', a: 2 });
const top: Shape | undefined = stack.pop();
console.log(top satisfies unknown, stack.size, Level[Level.High], Text.twice('ab'), new Dog('rex').shout());
