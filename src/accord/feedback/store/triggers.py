"""The statements that make a table append-only, in the words of each database.

Migrations run what is written here, so it stays as it is: another wording is another function.
"""

from accord.feedback.store.tables import APPLICATION_ID

__all__ = ["postgres_functions", "postgres_once", "postgres_triggers", "sqlite_once", "sqlite_refusals"]


def sqlite_refusals(table: str) -> list[str]:
    """UPDATE, DELETE and REPLACE are refused.

    INSERT OR REPLACE deletes without firing a DELETE trigger, so a trigger before the insert refuses a row number
    that is taken.
    """
    return [statement.replace("TABLE", table) for statement in (_NO_UPDATE, _NO_DELETE, _NO_REPLACE)]


def sqlite_once(table: str) -> str:
    """A record whose id is there already is left as it stands."""
    return _ONCE.replace("TABLE", table)


def postgres_functions() -> list[str]:
    """What the triggers of all tables share: the refusal, and the queue of the writers."""
    return [_REFUSE, _QUEUE]


def postgres_triggers(table: str) -> list[str]:
    """UPDATE, DELETE, TRUNCATE (and ON CONFLICT DO UPDATE) are refused, rows are numbered in the order of commits.

    They fire in a session of `session_replication_role = replica` too.
    """
    return _postgres(table, "")


def postgres_once(table: str) -> list[str]:
    """The same for a table of records: one whose id is there already is left as it stands."""
    return _postgres(table, _KNOWN)


def _postgres(table: str, known: str) -> list[str]:
    whole = (_ENTER.replace("KNOWN", known), *_TRIGGERS)
    return [statement.replace("THIS", table) for statement in whole]


_NO_UPDATE = """
CREATE TRIGGER TABLE_no_update BEFORE UPDATE ON TABLE BEGIN
  SELECT RAISE(ABORT, 'the ledger only grows: UPDATE of TABLE is refused');
END"""

_NO_DELETE = """
CREATE TRIGGER TABLE_no_delete BEFORE DELETE ON TABLE BEGIN
  SELECT RAISE(ABORT, 'the ledger only grows: DELETE from TABLE is refused');
END"""

_NO_REPLACE = """
CREATE TRIGGER TABLE_no_replace BEFORE INSERT ON TABLE WHEN EXISTS (SELECT 1 FROM TABLE WHERE row = NEW.row) BEGIN
  SELECT RAISE(ABORT, 'the ledger only grows: REPLACE in TABLE is refused');
END"""

_ONCE = """
CREATE TRIGGER TABLE_once BEFORE INSERT ON TABLE WHEN EXISTS (SELECT 1 FROM TABLE WHERE id = NEW.id) BEGIN
  SELECT RAISE(IGNORE);
END"""

_REFUSE = """
CREATE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
    MESSAGE = 'the ledger only grows: ' || TG_OP || ' of ' || TG_TABLE_NAME || ' is refused';
END $$"""

_QUEUE = f"""
CREATE FUNCTION ledger_queue() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  PERFORM pg_advisory_xact_lock({APPLICATION_ID});
  RETURN NULL;
END $$"""

_KNOWN = """
  IF EXISTS (SELECT FROM "THIS" WHERE id = NEW.id) THEN
    RETURN NULL;
  END IF;"""

_ENTER = """
CREATE FUNCTION THIS_enter() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$ BEGINKNOWN
  IF NEW."row" IS NOT NULL AND EXISTS (SELECT FROM "THIS" WHERE "row" = NEW."row") THEN
    RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
      MESSAGE = 'the ledger only grows: REPLACE in THIS is refused';
  END IF;
  NEW."row" := (SELECT coalesce(max("row"), 0) + 1 FROM "THIS");
  RETURN NEW;
END $$"""

_TRIGGERS = (
    'CREATE TRIGGER THIS_refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON "THIS" EXECUTE FUNCTION ledger_refuse()',
    'CREATE TRIGGER THIS_queue BEFORE INSERT ON "THIS" EXECUTE FUNCTION ledger_queue()',
    'CREATE TRIGGER THIS_enter BEFORE INSERT ON "THIS" FOR EACH ROW EXECUTE FUNCTION THIS_enter()',
    'ALTER TABLE "THIS" ENABLE ALWAYS TRIGGER THIS_refuse',
    'ALTER TABLE "THIS" ENABLE ALWAYS TRIGGER THIS_queue',
    'ALTER TABLE "THIS" ENABLE ALWAYS TRIGGER THIS_enter',
)
