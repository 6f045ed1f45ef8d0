-- A ledger with every kind of judgement, as accord 0.1.0 made it before the fields of records were renamed.
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
INSERT INTO "completions" VALUES(1,'c-dd8dfcbb96c9dc48138f','p-604add9e29d4a1a8022d','{"prompt":"p-604add9e29d4a1a8022d","sampling":{"max_tokens":64,"seed":3,"temperature":0.7,"top_k":0,"top_p":1.0},"text":"A book that only grows.","token_ids":[3,1,4],"writer":"tiny"}');
INSERT INTO "completions" VALUES(2,'c-d894efe02d0685728971','p-604add9e29d4a1a8022d','{"prompt":"p-604add9e29d4a1a8022d","text":"A kind of édge."}');
INSERT INTO "completions" VALUES(3,'c-cd82f4333565385892dc','p-604add9e29d4a1a8022d','{"prompt":"p-604add9e29d4a1a8022d","text":"No idea."}');
CREATE TABLE evaluators (
	"row" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id TEXT NOT NULL, 
	content TEXT NOT NULL, 
	UNIQUE (id)
);
INSERT INTO "evaluators" VALUES(1,'e-928a66d7b6400becb9bc','{"attributes":{"language":"de"},"derived":false,"kind":"person","paid":"14 EUR an hour","pool":"kitchen","pseudonym":"anna","recruited":"by letter","trained":"two hours"}');
INSERT INTO "evaluators" VALUES(2,'e-760e0178a00794494c44','{"derived":true,"kind":"person","pseudonym":"place 1"}');
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
INSERT INTO "feedback" VALUES(1,'f-f9f0a689ecffed770ad4','e-928a66d7b6400becb9bc','p-604add9e29d4a1a8022d','{"available":"av-1","completions":["c-dd8dfcbb96c9dc48138f","c-d894efe02d0685728971"],"evaluator":"e-928a66d7b6400becb9bc","instructions":"in-1","judgement":{"kind":"comparison","preferred":"left","strength":0.75},"place_in_session":0,"prompt":"p-604add9e29d4a1a8022d","round":2,"seconds":12.5,"session":"s-1","shown":"sh-1","study":"old","telemetry":{"focus_lost":1,"keystrokes":12,"pasted":0},"time":"2026-01-02T03:04:05Z"}');
INSERT INTO "feedback" VALUES(2,'f-a6c4368a19ffbdb670d5','e-928a66d7b6400becb9bc','p-604add9e29d4a1a8022d','{"completions":["c-dd8dfcbb96c9dc48138f","c-d894efe02d0685728971","c-cd82f4333565385892dc"],"evaluator":"e-928a66d7b6400becb9bc","judgement":{"kind":"ranking","tiers":[[1],[0,2]]},"place_in_session":1,"prompt":"p-604add9e29d4a1a8022d","session":"s-1"}');
INSERT INTO "feedback" VALUES(3,'f-43245686d38eea80e456','e-928a66d7b6400becb9bc','p-604add9e29d4a1a8022d','{"completions":["c-dd8dfcbb96c9dc48138f"],"evaluator":"e-928a66d7b6400becb9bc","judgement":{"kind":"rating","scale":{"high":5.0,"high_label":"good","low":1.0,"low_label":"bad","step":1.0},"value":4.0},"prompt":"p-604add9e29d4a1a8022d","session":"s-1"}');
INSERT INTO "feedback" VALUES(4,'f-2a93e1bf1f6dfe63ed1f','e-760e0178a00794494c44','p-604add9e29d4a1a8022d','{"completions":["c-d894efe02d0685728971"],"evaluator":"e-760e0178a00794494c44","judgement":{"kind":"rating","scale":{"high":5.0,"high_label":"good","low":1.0,"low_label":"bad","step":1.0},"value":2.0},"prompt":"p-604add9e29d4a1a8022d","session":"s-1"}');
INSERT INTO "feedback" VALUES(5,'f-6ec2feba6e9ee9b78ed5','e-928a66d7b6400becb9bc','p-604add9e29d4a1a8022d','{"available":"av-2","completions":["c-dd8dfcbb96c9dc48138f"],"evaluator":"e-928a66d7b6400becb9bc","gold":{"chosen":[],"kind":"label","offered":["short","false"]},"judgement":{"chosen":["short"],"kind":"label","offered":["short","false"]},"prompt":"p-604add9e29d4a1a8022d","shown":"sh-2"}');
INSERT INTO "feedback" VALUES(6,'f-72e914cd01da2242fc03','e-928a66d7b6400becb9bc','p-604add9e29d4a1a8022d','{"completions":["c-dd8dfcbb96c9dc48138f"],"evaluator":"e-928a66d7b6400becb9bc","judgement":{"kind":"spans","spans":[{"end":6,"note":"which?","start":0,"type":"vague"}]},"prompt":"p-604add9e29d4a1a8022d"}');
INSERT INTO "feedback" VALUES(7,'f-7106675a48bc4d422da9','e-760e0178a00794494c44','p-604add9e29d4a1a8022d','{"completions":["c-dd8dfcbb96c9dc48138f"],"evaluator":"e-760e0178a00794494c44","judgement":{"kind":"steps","verdicts":["right","wrong","unsure"]},"prompt":"p-604add9e29d4a1a8022d"}');
INSERT INTO "feedback" VALUES(8,'f-405ba31cde398139f47e','e-928a66d7b6400becb9bc','p-604add9e29d4a1a8022d','{"completions":["c-dd8dfcbb96c9dc48138f"],"evaluator":"e-928a66d7b6400becb9bc","judgement":{"kind":"correction","text":"A book that only grows, by date."},"place_in_session":0,"prompt":"p-604add9e29d4a1a8022d","session":"s-2"}');
INSERT INTO "feedback" VALUES(9,'f-c467679d412a8d83dbe6','e-928a66d7b6400becb9bc','p-604add9e29d4a1a8022d','{"completions":["c-dd8dfcbb96c9dc48138f"],"evaluator":"e-928a66d7b6400becb9bc","judgement":{"end":6,"kind":"critique","start":0,"text":"Too short."},"prompt":"p-604add9e29d4a1a8022d"}');
INSERT INTO "feedback" VALUES(10,'f-dfb38ff62258bc095d1b','e-928a66d7b6400becb9bc','p-604add9e29d4a1a8022d','{"completions":[],"evaluator":"e-928a66d7b6400becb9bc","judgement":{"kind":"demonstration","text":"A record of what was said, in order."},"prompt":"p-604add9e29d4a1a8022d"}');
INSERT INTO "feedback" VALUES(11,'f-59fcb3cd5be2b01e6bcd','e-928a66d7b6400becb9bc','p-604add9e29d4a1a8022d','{"completions":["c-d894efe02d0685728971"],"evaluator":"e-928a66d7b6400becb9bc","judgement":{"kind":"declined","reason":"no time"},"prompt":"p-604add9e29d4a1a8022d"}');
INSERT INTO "feedback" VALUES(12,'f-6b471d6e255763b7e75e','e-928a66d7b6400becb9bc','p-604add9e29d4a1a8022d','{"completions":["c-dd8dfcbb96c9dc48138f","c-d894efe02d0685728971"],"evaluator":"e-928a66d7b6400becb9bc","judgement":{"kind":"comparison","preferred":"right"},"place_in_session":0,"prompt":"p-604add9e29d4a1a8022d","replaces":"f-f9f0a689ecffed770ad4","session":"s-1"}');
INSERT INTO "feedback" VALUES(13,'f-533dbaeaec2bbb0395d7','e-928a66d7b6400becb9bc','p-604add9e29d4a1a8022d','{"completions":["c-d894efe02d0685728971","c-dd8dfcbb96c9dc48138f"],"evaluator":"e-928a66d7b6400becb9bc","judgement":{"kind":"comparison","preferred":"tie"},"place_in_session":2,"prompt":"p-604add9e29d4a1a8022d","repeat_of":"f-f9f0a689ecffed770ad4","session":"s-1","shown":"sh-3"}');
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
INSERT INTO "prompts" VALUES(1,'p-604add9e29d4a1a8022d','{"messages":[{"content":"Be kind.","role":"system"},{"content":"What is a ledger?","role":"user"}],"mode":"knowledge","source":"tests"}');
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
INSERT INTO "sqlite_sequence" VALUES('evaluators',2);
INSERT INTO "sqlite_sequence" VALUES('completions',3);
INSERT INTO "sqlite_sequence" VALUES('feedback',13);
COMMIT;
