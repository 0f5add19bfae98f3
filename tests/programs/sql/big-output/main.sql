SELECT seq, SHA1(seq) AS digest FROM seq_1_to_30000;
