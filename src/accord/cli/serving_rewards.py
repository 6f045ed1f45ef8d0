"""A run's reward for the trainers of others: `serve-reward`."""

from contextlib import ExitStack
from pathlib import Path

from accord.cli.serving import bearer_token, listening
from accord.errors import RecipeError

__all__ = ["serve_reward"]


def serve_reward(
    run: str,
    *,
    host: str = "127.0.0.1",
    port: int = 5000,
    token: str | None = None,
    no_token: bool = False,
    end: list[str] | None = None,
    plain_prompts: bool = False,
    no_judge: bool = False,
    record: Path | None = None,
    batch: int = 64,
    trust_run: bool = False,
) -> int:
    """The reward of a run behind POST /get_reward, as OpenRLHF asks its remote reward model. Ctrl-C ends it.

    Example: accord serve-reward runs/demo --port 5000 --record scores

    Parameters
    ----------
    run
        The run; its reward is what is answered, and its independent judge stands beside it in `extra_logs`.
    host
        Where to listen. Beyond this machine only with a token, and behind a proxy that speaks TLS.
    port
        The port; 0 takes a free one.
    token
        What clients must show, as bearer token or as the password of the address (http://accord:TOKEN@host:port).
        Without it: the environment's ACCORD_TOKEN, else a fresh one.
    no_token
        Ask for none; on this machine only.
    end
        The text of a token with which the policy ends an answer, in place of those that are known; may be given more
        than once. What an answer ends with of these is not scored.
    plain_prompts
        Take prompts whose label does not say what was asked for what a user said: no chat template is around them.
    no_judge
        Do not ask the independent judge.
    record
        A folder in which accord_scores.jsonl keeps what is asked and scored; with the trainer's log beside it, `accord
        audit FOLDER --from openrlhf` reads it.
    batch
        How many texts are scored together at most.
    trust_run
        Execute the code that the run's recipe names.
    """
    from accord.handover import AnswerEnds, make_reward_app, open_rewards
    from accord.handover.score_log import ScoreLog
    from accord.web_server import run_server

    if batch < 1:
        raise RecipeError(f"--batch {batch}: one at least is needed")
    if any(not each for each in end or ()):
        raise RecipeError("--end '': empty; name the text of a token")
    bearer = bearer_token(token, host, no_token=no_token)
    with ExitStack() as until_end:
        listener = until_end.enter_context(listening(host, port))
        rewards = open_rewards(run, trusted=trust_run, judge=not no_judge)
        versions = {name: reward.version for name, reward in rewards.items()}
        log = None if record is None else until_end.enter_context(ScoreLog(record, versions))
        ends = None if end is None else AnswerEnds(tuple(end))
        app = make_reward_app(rewards, token=bearer, ends=ends, plain_prompts=plain_prompts, record=log, most=batch)
        place = f"[{host}]" if ":" in host else host
        if bearer is not None:
            place = f"accord:{bearer}@{place}"
        for reward in rewards.values():
            known = "" if reward.accuracy is None else f", held-out accuracy {reward.accuracy}"
            print(f"{reward.name} of {reward.origin}, version {reward.version}{known}")
        print(f"--reward.remote_url http://{place}:{listener.getsockname()[1]}/get_reward", flush=True)
        run_server(app, listener)
    return 0
