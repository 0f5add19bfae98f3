INSERT INTO steps SELECT seq FROM seq_1_to_5;
