-- A ledger as accord 0.1.0 made it before there were migrations.
PRAGMA application_id=1094927172;
BEGIN TRANSACTION;
CREATE TABLE completions (
	"row" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id TEXT NOT NULL, 
	prompt TEXT NOT NULL, 
	content TEXT NOT NULL, 
	UNIQUE (id), 
	FOREIGN KEY(prompt) REFERENCES prompts (id) DEFERRABLE INITIALLY DEFERRED
);
INSERT INTO "completions" VALUES(1,'c-1ffcffc53561b476b653','p-6a484cb37fcf8c060b49','{"prompt":"p-6a484cb37fcf8c060b49","text":"text 1.0"}');
INSERT INTO "completions" VALUES(2,'c-2139d250d760a3cd41f4','p-6a484cb37fcf8c060b49','{"prompt":"p-6a484cb37fcf8c060b49","text":"text 1.1"}');
CREATE TABLE evaluators (
	"row" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id TEXT NOT NULL, 
	content TEXT NOT NULL, 
	UNIQUE (id)
);
INSERT INTO "evaluators" VALUES(1,'e-7ae2261a8bf0c9e9859b','{"kind":"person","pool":"tests","pseudonym":"sheet-1/0"}');
CREATE TABLE feedback (
	"row" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id TEXT NOT NULL, 
	evaluator TEXT NOT NULL, 
	prompt TEXT NOT NULL, 
	content TEXT NOT NULL, 
	UNIQUE (id), 
	FOREIGN KEY(evaluator) REFERENCES evaluators (id) DEFERRABLE INITIALLY DEFERRED, 
	FOREIGN KEY(prompt) REFERENCES prompts (id) DEFERRABLE INITIALLY DEFERRED
);
INSERT INTO "feedback" VALUES(1,'f-f337a4c4003179db7353','e-7ae2261a8bf0c9e9859b','p-6a484cb37fcf8c060b49','{"completions":["c-1ffcffc53561b476b653"],"evaluator":"e-7ae2261a8bf0c9e9859b","judgement":{"kind":"rating","scale":{"high":4.0,"low":-4.0,"step":1.0},"value":-4.0},"prompt":"p-6a484cb37fcf8c060b49","session":"sheet-1"}');
INSERT INTO "feedback" VALUES(2,'f-12023e768c097ad1c6ea','e-7ae2261a8bf0c9e9859b','p-6a484cb37fcf8c060b49','{"completions":["c-2139d250d760a3cd41f4"],"evaluator":"e-7ae2261a8bf0c9e9859b","judgement":{"kind":"rating","scale":{"high":4.0,"low":-4.0,"step":1.0},"value":-3.0},"prompt":"p-6a484cb37fcf8c060b49","session":"sheet-1"}');
CREATE TABLE prompts (
	"row" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id TEXT NOT NULL, 
	content TEXT NOT NULL, 
	UNIQUE (id)
);
INSERT INTO "prompts" VALUES(1,'p-6a484cb37fcf8c060b49','{"messages":[{"content":"Question 1","role":"user"}]}');
CREATE TABLE schema (
	"row" INTEGER NOT NULL, 
	version INTEGER NOT NULL, 
	PRIMARY KEY ("row")
);
INSERT INTO "schema" VALUES(1,1);
CREATE INDEX ix_completions_prompt ON completions (prompt);
CREATE INDEX ix_feedback_evaluator ON feedback (evaluator);
CREATE INDEX ix_feedback_prompt ON feedback (prompt);
CREATE TRIGGER schema_no_update BEFORE UPDATE ON schema BEGIN
  SELECT RAISE(ABORT, 'the ledger only grows: UPDATE of schema is refused');
END;
CREATE TRIGGER schema_no_delete BEFORE DELETE ON schema BEGIN
  SELECT RAISE(ABORT, 'the ledger only grows: DELETE from schema is refused');
END;
CREATE TRIGGER schema_no_replace BEFORE INSERT ON schema WHEN EXISTS (SELECT 1 FROM schema WHERE row = NEW.row) BEGIN
  SELECT RAISE(ABORT, 'the ledger only grows: REPLACE in schema is refused');
END;
CREATE TRIGGER prompts_no_update BEFORE UPDATE ON prompts BEGIN
  SELECT RAISE(ABORT, 'the ledger only grows: UPDATE of prompts is refused');
END;
CREATE TRIGGER prompts_no_delete BEFORE DELETE ON prompts BEGIN
  SELECT RAISE(ABORT, 'the ledger only grows: DELETE from prompts is refused');
END;
CREATE TRIGGER prompts_no_replace BEFORE INSERT ON prompts WHEN EXISTS (SELECT 1 FROM prompts WHERE row = NEW.row) BEGIN
  SELECT RAISE(ABORT, 'the ledger only grows: REPLACE in prompts is refused');
END;
CREATE TRIGGER evaluators_no_update BEFORE UPDATE ON evaluators BEGIN
  SELECT RAISE(ABORT, 'the ledger only grows: UPDATE of evaluators is refused');
END;
CREATE TRIGGER evaluators_no_delete BEFORE DELETE ON evaluators BEGIN
  SELECT RAISE(ABORT, 'the ledger only grows: DELETE from evaluators is refused');
END;
CREATE TRIGGER evaluators_no_replace BEFORE INSERT ON evaluators WHEN EXISTS (SELECT 1 FROM evaluators WHERE row = NEW.row) BEGIN
  SELECT RAISE(ABORT, 'the ledger only grows: REPLACE in evaluators is refused');
END;
CREATE TRIGGER completions_no_update BEFORE UPDATE ON completions BEGIN
  SELECT RAISE(ABORT, 'the ledger only grows: UPDATE of completions is refused');
END;
CREATE TRIGGER completions_no_delete BEFORE DELETE ON completions BEGIN
  SELECT RAISE(ABORT, 'the ledger only grows: DELETE from completions is refused');
END;
CREATE TRIGGER completions_no_replace BEFORE INSERT ON completions WHEN EXISTS (SELECT 1 FROM completions WHERE row = NEW.row) BEGIN
  SELECT RAISE(ABORT, 'the ledger only grows: REPLACE in completions is refused');
END;
CREATE TRIGGER feedback_no_update BEFORE UPDATE ON feedback BEGIN
  SELECT RAISE(ABORT, 'the ledger only grows: UPDATE of feedback is refused');
END;
CREATE TRIGGER feedback_no_delete BEFORE DELETE ON feedback BEGIN
  SELECT RAISE(ABORT, 'the ledger only grows: DELETE from feedback is refused');
END;
CREATE TRIGGER feedback_no_replace BEFORE INSERT ON feedback WHEN EXISTS (SELECT 1 FROM feedback WHERE row = NEW.row) BEGIN
  SELECT RAISE(ABORT, 'the ledger only grows: REPLACE in feedback is refused');
END;
CREATE TRIGGER prompts_once BEFORE INSERT ON prompts WHEN EXISTS (SELECT 1 FROM prompts WHERE id = NEW.id) BEGIN
  SELECT RAISE(IGNORE);
END;
CREATE TRIGGER evaluators_once BEFORE INSERT ON evaluators WHEN EXISTS (SELECT 1 FROM evaluators WHERE id = NEW.id) BEGIN
  SELECT RAISE(IGNORE);
END;
CREATE TRIGGER completions_once BEFORE INSERT ON completions WHEN EXISTS (SELECT 1 FROM completions WHERE id = NEW.id) BEGIN
  SELECT RAISE(IGNORE);
END;
CREATE TRIGGER feedback_once BEFORE INSERT ON feedback WHEN EXISTS (SELECT 1 FROM feedback WHERE id = NEW.id) BEGIN
  SELECT RAISE(IGNORE);
END;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('prompts',1);
INSERT INTO "sqlite_sequence" VALUES('evaluators',1);
INSERT INTO "sqlite_sequence" VALUES('completions',2);
INSERT INTO "sqlite_sequence" VALUES('feedback',2);
COMMIT;
