console.log('never');
let x = = 1;
