-- A desk with a study of labels: one person has practised and answered an item, another has begun to practise.
-- Made as accord 0.1.0 did it before the parts of the desk and the fields of records were renamed.
PRAGMA application_id=1094927172;
BEGIN TRANSACTION;
CREATE TABLE collect_admins (
	name TEXT NOT NULL, 
	hash TEXT NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE collect_contacts (
	pseudonym TEXT NOT NULL, 
	name TEXT NOT NULL, 
	contact TEXT NOT NULL, 
	PRIMARY KEY (pseudonym)
);
CREATE TABLE collect_invites (
	id TEXT NOT NULL, 
	study TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	person TEXT, 
	note TEXT NOT NULL, 
	attributes JSON NOT NULL, 
	issued DOUBLE NOT NULL, 
	expires DOUBLE NOT NULL, 
	used DOUBLE, 
	PRIMARY KEY (id)
);
INSERT INTO "collect_invites" VALUES('K1X3VYscQ_ZRBpzY','s','invite','p-9f7a946e2d','','{}',1.7958851194275310039e+09,1.7970947194275310039e+09,1.7958851194484810829e+09);
INSERT INTO "collect_invites" VALUES('e3moMKxfKkvb9-PQ','s','invite','p-13f4fd8555','','{}',1.79588511960716700551e+09,1.79709471960716700555e+09,1.79588511965661096572e+09);
CREATE TABLE collect_items (
	id TEXT NOT NULL, 
	study TEXT NOT NULL, 
	purpose TEXT NOT NULL, 
	place INTEGER NOT NULL, 
	prompt TEXT NOT NULL, 
	completions JSON NOT NULL, 
	candidates INTEGER NOT NULL, 
	written INTEGER NOT NULL, 
	overlap INTEGER NOT NULL, 
	priority DOUBLE NOT NULL, 
	warning TEXT NOT NULL, 
	gold JSON, 
	explanation TEXT NOT NULL, 
	answered INTEGER NOT NULL, 
	open INTEGER NOT NULL, 
	declined INTEGER NOT NULL, 
	votes JSON NOT NULL, 
	closed TEXT NOT NULL, 
	adjudicated TEXT, 
	model_p DOUBLE, 
	gap DOUBLE NOT NULL, 
	writing_until DOUBLE NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "collect_items" VALUES('i-4d24e0f164b97e6e6e0b','s','item',0,'p-219c5ac4a065fdda925e','["c-04d6a5537d76ada6ed90"]',0,0,1,0.0,'',NULL,'',1,0,0,'{"b": 1}','',NULL,NULL,0.0,0.0);
INSERT INTO "collect_items" VALUES('i-41973248ed521a305157','s','item',1,'p-d209a8151e1c5bb7b0e1','["c-0b31395ea97fc5ff3fe6"]',0,0,1,0.0,'',NULL,'',0,1,0,'{}','',NULL,NULL,0.0,0.0);
INSERT INTO "collect_items" VALUES('i-4bc05b0b3cb8e38b702d','s','item',2,'p-e1711a0b5a1fa9342161','["c-11d599928d6d808d1ea7"]',0,0,1,0.0,'',NULL,'',0,0,0,'{}','',NULL,NULL,0.0,0.0);
INSERT INTO "collect_items" VALUES('i-d83fb768c69991af27c4','s','item',3,'p-e52a619c8c06c55156a3','["c-796396d83a5770fc0edd"]',0,0,1,0.0,'',NULL,'',0,0,0,'{}','',NULL,NULL,0.0,0.0);
INSERT INTO "collect_items" VALUES('i-2dbe6a627ce65e86f338','s','practice',0,'p-1abc28c6ab0639fca3b1','["c-5d11dce903be2cbcd1d7"]',0,0,1,0.0,'','{"kind": "label", "chosen": ["b"], "offered": ["a", "b"]}','why',0,0,0,'{}','',NULL,NULL,0.0,0.0);
CREATE TABLE collect_logins (
	token TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	data JSON NOT NULL, 
	created DOUBLE NOT NULL, 
	expires DOUBLE NOT NULL, 
	PRIMARY KEY (token)
);
CREATE TABLE collect_notes (
	"row" INTEGER NOT NULL, 
	study TEXT NOT NULL, 
	time DOUBLE NOT NULL, 
	kind TEXT NOT NULL, 
	person TEXT, 
	message TEXT NOT NULL, 
	PRIMARY KEY ("row")
);
CREATE TABLE collect_people (
	pseudonym TEXT NOT NULL, 
	study TEXT NOT NULL, 
	evaluator TEXT NOT NULL, 
	status TEXT NOT NULL, 
	why TEXT NOT NULL, 
	attributes JSON NOT NULL, 
	practised BOOLEAN NOT NULL, 
	sitting INTEGER NOT NULL, 
	sitting_done INTEGER NOT NULL, 
	asked INTEGER NOT NULL, 
	last_at DOUBLE NOT NULL, 
	joined DOUBLE NOT NULL, 
	seen DOUBLE NOT NULL, 
	consent TEXT NOT NULL, 
	consented DOUBLE NOT NULL, 
	PRIMARY KEY (pseudonym)
);
INSERT INTO "collect_people" VALUES('p-9f7a946e2d','s','e-4af278a4f43d6ab54f5b','active','','{}',0,0,0,0,0.0,1.7958851194484810829e+09,1.7958851194846010208e+09,'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',1.7958851194484810829e+09);
INSERT INTO "collect_people" VALUES('p-13f4fd8555','s','e-2ed699f205000171a4b6','active','','{}',1,1,1,2,1.7958851199017589092e+09,1.79588511965661096572e+09,1.7958851199017589092e+09,'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',1.79588511965661096572e+09);
CREATE TABLE collect_reservations (
	id TEXT NOT NULL, 
	study TEXT NOT NULL, 
	item TEXT NOT NULL, 
	person TEXT NOT NULL, 
	purpose TEXT NOT NULL, 
	state TEXT NOT NULL, 
	holds BOOLEAN NOT NULL, 
	session TEXT NOT NULL, 
	place INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	shown JSON NOT NULL, 
	issued DOUBLE NOT NULL, 
	expires DOUBLE NOT NULL, 
	closed DOUBLE, 
	answer INTEGER NOT NULL, 
	seconds DOUBLE, 
	form JSON, 
	draft JSON, 
	feedback TEXT, 
	opinion TEXT, 
	repeat_of TEXT, 
	replaces TEXT, 
	redoes TEXT, 
	seen JSON, 
	PRIMARY KEY (id)
);
INSERT INTO "collect_reservations" VALUES('r-15b1753b847f1bc58df6','s','i-2dbe6a627ce65e86f338','p-9f7a946e2d','practice','open',0,'s/p-9f7a946e2d/1',0,1,'["c-5d11dce903be2cbcd1d7"]',1.79588511951662588121e+09,1.79588691951662588115e+09,NULL,0,NULL,NULL,'{"chosen": "a"}',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "collect_reservations" VALUES('r-93b1193873d934a43bde','s','i-2dbe6a627ce65e86f338','p-13f4fd8555','practice','practised',0,'s/p-13f4fd8555/1',0,1,'["c-5d11dce903be2cbcd1d7"]',1.7958851197173480987e+09,1.79588691971734809877e+09,1.79588511974932408328e+09,0,0.032,'{"chosen": "b"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "collect_reservations" VALUES('r-31eb12827522d0e5abb8','s','i-4d24e0f164b97e6e6e0b','p-13f4fd8555','item','answered',1,'s/p-13f4fd8555/1',0,1,'["c-04d6a5537d76ada6ed90"]',1.79588511979724407201e+09,1.79588691979724407194e+09,1.79588511984090304371e+09,1,0.044,'{"chosen": "b"}',NULL,'f-8038238220da4898566d','b',NULL,NULL,NULL,'{"seconds": null}');
INSERT INTO "collect_reservations" VALUES('r-31a2840d8706eb425e9a','s','i-41973248ed521a305157','p-13f4fd8555','item','open',1,'s/p-13f4fd8555/1',1,2,'["c-0b31395ea97fc5ff3fe6"]',1795885119.90641,1795886919.90641,NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE collect_secrets (
	name TEXT NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "collect_secrets" VALUES('signing','the secret of a test');
CREATE TABLE collect_studies (
	name TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "collect_studies" VALUES('s','label');
CREATE TABLE collect_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT collect_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "collect_version" VALUES('0001');
CREATE TABLE completions (
	"row" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id TEXT NOT NULL, 
	prompt TEXT NOT NULL, 
	content TEXT NOT NULL, 
	UNIQUE (id), 
	FOREIGN KEY(prompt) REFERENCES prompts (id) DEFERRABLE INITIALLY DEFERRED
);
INSERT INTO "completions" VALUES(1,'c-04d6a5537d76ada6ed90','p-219c5ac4a065fdda925e','{"prompt":"p-219c5ac4a065fdda925e","text":"a0"}');
INSERT INTO "completions" VALUES(2,'c-0b31395ea97fc5ff3fe6','p-d209a8151e1c5bb7b0e1','{"prompt":"p-d209a8151e1c5bb7b0e1","text":"a1"}');
INSERT INTO "completions" VALUES(3,'c-11d599928d6d808d1ea7','p-e1711a0b5a1fa9342161','{"prompt":"p-e1711a0b5a1fa9342161","text":"a2"}');
INSERT INTO "completions" VALUES(4,'c-796396d83a5770fc0edd','p-e52a619c8c06c55156a3','{"prompt":"p-e52a619c8c06c55156a3","text":"a3"}');
INSERT INTO "completions" VALUES(5,'c-5d11dce903be2cbcd1d7','p-1abc28c6ab0639fca3b1','{"prompt":"p-1abc28c6ab0639fca3b1","text":"x"}');
CREATE TABLE evaluators (
	"row" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id TEXT NOT NULL, 
	content TEXT NOT NULL, 
	UNIQUE (id)
);
INSERT INTO "evaluators" VALUES(1,'e-4af278a4f43d6ab54f5b','{"kind":"person","pool":"s","pseudonym":"p-9f7a946e2d"}');
INSERT INTO "evaluators" VALUES(2,'e-2ed699f205000171a4b6','{"kind":"person","pool":"s","pseudonym":"p-13f4fd8555"}');
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
INSERT INTO "feedback" VALUES(1,'f-8038238220da4898566d','e-2ed699f205000171a4b6','p-219c5ac4a065fdda925e','{"available":"368d70eef8921a8f2dbc9e3769012a8930bade0e9c03b843ef8f9c051ebfddec","completions":["c-04d6a5537d76ada6ed90"],"evaluator":"e-2ed699f205000171a4b6","instructions":"2fc5932a6049b0dc0b0f6ba264e94cd9d506db198163759b146a562f9108f895","judgement":{"chosen":["b"],"kind":"label","offered":["a","b"]},"place_in_session":0,"prompt":"p-219c5ac4a065fdda925e","seconds":0.044,"session":"s/p-13f4fd8555/1","shown":"368d70eef8921a8f2dbc9e3769012a8930bade0e9c03b843ef8f9c051ebfddec","study":"s","time":"2026-11-28T16:58:39.840903Z"}');
CREATE TABLE ledger_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT ledger_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "ledger_version" VALUES('0001');
CREATE TABLE prompts (
	"row" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id TEXT NOT NULL, 
	content TEXT NOT NULL, 
	UNIQUE (id)
);
INSERT INTO "prompts" VALUES(1,'p-219c5ac4a065fdda925e','{"messages":[{"content":"Q0","role":"user"}]}');
INSERT INTO "prompts" VALUES(2,'p-d209a8151e1c5bb7b0e1','{"messages":[{"content":"Q1","role":"user"}]}');
INSERT INTO "prompts" VALUES(3,'p-e1711a0b5a1fa9342161','{"messages":[{"content":"Q2","role":"user"}]}');
INSERT INTO "prompts" VALUES(4,'p-e52a619c8c06c55156a3','{"messages":[{"content":"Q3","role":"user"}]}');
INSERT INTO "prompts" VALUES(5,'p-1abc28c6ab0639fca3b1','{"messages":[{"content":"P","role":"user"}]}');
CREATE TABLE schema (
	"row" INTEGER NOT NULL, 
	version INTEGER NOT NULL, 
	PRIMARY KEY ("row")
);
INSERT INTO "schema" VALUES(1,1);
CREATE INDEX ix_completions_prompt ON completions (prompt);
CREATE INDEX ix_feedback_prompt ON feedback (prompt);
CREATE INDEX ix_feedback_evaluator ON feedback (evaluator);
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
CREATE INDEX collect_items_next ON collect_items (study, purpose, closed, answered);
CREATE INDEX collect_reservations_person ON collect_reservations (person, state);
CREATE INDEX collect_reservations_item ON collect_reservations (item, state);
CREATE INDEX collect_reservations_lapse ON collect_reservations (state, expires);
CREATE INDEX collect_reservations_answer ON collect_reservations (answer);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('prompts',5);
INSERT INTO "sqlite_sequence" VALUES('completions',5);
INSERT INTO "sqlite_sequence" VALUES('evaluators',2);
INSERT INTO "sqlite_sequence" VALUES('feedback',1);
COMMIT;
