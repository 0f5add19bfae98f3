import { größe } from './größe.js';
import fs from 'node:fs';

const größer = größe('日本語');
console.log(größer, [...'👩‍👧'].length, 'ﬁ'.normalize('NFKC'), process.argv[2]);
console.log('ß'.toUpperCase(), [...'äaz'].sort(new Intl.Collator('de').compare).join(''), new Intl.NumberFormat('de').format(1234567.5));
console.log(fs.readFileSync('файл.txt', 'utf8').trim(), '\u{1F600}', new Date(0).toLocaleDateString('fr', { timeZone: 'UTC', dateStyle: 'long' }));
