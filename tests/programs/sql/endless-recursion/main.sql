CREATE PROCEDURE again() BEGIN CALL again(); END;
CALL again();
