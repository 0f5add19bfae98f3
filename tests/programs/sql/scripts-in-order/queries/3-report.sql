SELECT SUM(n) AS total FROM steps;
