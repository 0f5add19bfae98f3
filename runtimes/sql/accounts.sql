-- The one account of a box's server, read by mariadbd --bootstrap when the image is made. There is no root.
-- The user may do everything in databases of its own and make new ones, and has no global privilege: no FILE, SUPER,
-- PROCESS, SHUTDOWN, no accounts. The row that names the system's database wins over the pattern, and allows nothing.
-- Who it is the server knows by the socket, from the box's user (whose first name in /etc/passwd is this one): there is no
-- password, and so none that can be set to lock the next program out.
INSERT INTO global_priv VALUES ('localhost', 'student',
  '{"access":0,"plugin":"unix_socket","authentication_string":""}');
INSERT INTO db (Host, Db, User) VALUES ('localhost', 'mysql', 'student');
INSERT INTO db (Host, Db, User, Select_priv, Insert_priv, Update_priv, Delete_priv, Create_priv, Drop_priv,
    References_priv, Index_priv, Alter_priv, Create_tmp_table_priv, Lock_tables_priv, Create_view_priv, Show_view_priv,
    Create_routine_priv, Alter_routine_priv, Execute_priv, Event_priv, Trigger_priv, Delete_history_priv)
  VALUES ('localhost', '%', 'student', 'Y', 'Y', 'Y', 'Y', 'Y', 'Y',
    'Y', 'Y', 'Y', 'Y', 'Y', 'Y', 'Y', 'Y', 'Y', 'Y', 'Y', 'Y', 'Y');
CREATE DATABASE notebook;
