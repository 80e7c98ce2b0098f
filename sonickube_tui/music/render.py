"""From a voice to the Ruby text that makes it sound.

Nothing from the cluster and nothing from a snippet is ever put into the text as it is: both travel as
base64, because Sonic Pi's pre-parser rewrites even string literals, and because data must not become code.
What is put around a snippet uses private methods that are in Sonic Pi's source from 2.11 on; whatever of it
fails, the snippet sounds all the same.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Iterable, Mapping

import msgspec

from sonickube_tui.music.mixer import CENTRE, Level
from sonickube_tui.music.voice import Voice

MIXER_AMP = 0.3
"""The amplitude at which Sonic Pi itself starts the mixer of a run."""

LEVEL_SLIDE = 0.05
"""Seconds in which a sounding run follows a fader: quick to the finger, without a click."""


class Reply(msgspec.Struct, frozen=True, gc=False):
    """Where reports go: a UDP port of ours, under an address that only we and Sonic Pi know."""

    host: str
    port: int
    secret: str

    def __post_init__(self) -> None:
        # These three are the only texts that go into the Ruby unencoded.
        if not re.fullmatch(r"[0-9A-Fa-f.:]+", self.host) or not re.fullmatch(r"\w+", self.secret):
            raise ValueError("a reply needs a numeric host and a plain secret")

    @property
    def prefix(self) -> str:
        """The OSC address that all reports begin with."""
        return f"/sonickube/{self.secret}/"


def event_data(voice: Voice) -> dict[str, object]:
    """What a snippet finds in `ev`; documented for users in docs/snippets.md."""
    event = voice.event
    data = {
        "cluster": event.cluster,
        "namespace": event.namespace,
        "pod": event.pod,
        "owner": event.owner,
        "node": event.node,
        "kind": event.kind.value,
        "severity": event.severity.value,
        "reason": event.reason,
        "message": event.message,
        "restarts": event.restarts,
        "seen": event.seen,
        "count": voice.count,
        "health": round(voice.health, 3),
        "at": event.at,
    }
    return {key: _utf8(value) if isinstance(value, str) else value for key, value in data.items()}


def render(voice: Voice, snippet: str, reply: Reply) -> str:
    """The Ruby text of one run: it sets its own mixer, sounds the snippet, and reports how that went."""
    boost, place = _balance(voice.level.pan)
    panned = f"({_PAN}).call(sk_job, job_mixer(sk_job), {_numbers(boost, place)})"
    return _RUN.format(
        tempo=f"{voice.tempo:g}",
        id=voice.id,
        level=_number(MIXER_AMP * voice.level.amp),
        pan="" if voice.level.pan == CENTRE else panned,
        gain=_number(voice.level.amp * boost),
        place=_number(place),
        event=_base64(msgspec.json.encode(event_data(voice))),
        snippet=_base64(_utf8(snippet).encode()),
        send=_send(reply, f'"{reply.prefix}" + what, {voice.id}, *args'),
    )


def render_hello(reply: Reply) -> str:
    """A run that makes no sound, teaches Sonic Pi what runs of ours need, and reports its version."""
    return _TAUGHT + _send(reply, f'"{reply.prefix}hello", version.to_s')


def render_levels(levels: Mapping[int, Level]) -> str:
    """A run that sets the mixers and pans of runs that sound already, by job number."""
    return _LEVELS.format(
        levels=",".join(
            f"{job}=>[{_numbers(MIXER_AMP * level.amp, *_balance(level.pan))}]"
            for job, level in levels.items()
        ),
        slide=LEVEL_SLIDE,
        pan=_PAN,
    )


def render_stop(jobs: Iterable[int]) -> str:
    """A run that stops other runs by job number, and leaves alone what it did not start."""
    return f"[{','.join(str(job) for job in jobs)}].each {{ |j| __stop_job j }}"


def render_running(jobs: Iterable[int], question: int, reply: Reply) -> str:
    """A run that reports "running" with the `question` and those of the runs that have not ended yet.

    What has ended without having told so does it now, and Sonic Pi is taught once more.
    """
    running = _send(reply, f'"{reply.prefix}running", {question}, *sk_running')
    return _TAUGHT + _RUNNING.format(jobs=",".join(map(str, jobs)), send=running)


def readable(code: str) -> str:
    """A run with its data unpacked and without the reports' secret: for people, not to be run."""
    secretless = re.sub(r'"/sonickube/\w+/', '"/sonickube/…/', code)
    return re.sub(r'sk_text\.call\("([A-Za-z0-9+/=]*)"\)', _unpacked, secretless)


def _unpacked(packed: re.Match[str]) -> str:
    return f"\n{base64.b64decode(packed[1]).decode()}\n"


def _utf8(text: str) -> str:
    # A lone surrogate, which JSON may escape and a file name may hold, has no place in UTF-8.
    return text.encode("utf-8", "replace").decode()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _number(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _numbers(*values: float) -> str:
    return ",".join(map(_number, values))


def _balance(pan: float) -> tuple[float, float]:
    """What to amplify by and where to put Sonic Pi's own pan, whose middle is 3 dB lower than its ends, so
    that the middle stays as it is and only the ear that the pan goes away from is turned down.
    """
    left, right = min(1.0, 1.0 - pan), min(1.0, 1.0 + pan)
    return math.hypot(left, right), 4 / math.pi * math.atan2(right, left) - 1


def _send(reply: Reply, arguments: str) -> str:
    # One socket for each console, kept: a new one per run would leak until Ruby's next collection. When it
    # raises the refusal of an earlier send, to a console that had the port before, another one is taken.
    address = f'"{reply.host}", {reply.port}'
    another = f"SonicPi::OSC::UDPClient.new({address})"
    kept = f"($sonickube_to ||= {{}})[[{address}]] ||= {another}"
    return f"2.times {{ |n| break (n == 0 ? {kept} : {another}).send({arguments}) rescue nil }}"


_PAN = """\
->(j, m, b = Math.sqrt(2), p = 0) {
  ($sonickube_panning ||= Mutex.new).synchronize do
    ($sonickube_pans ||= {})[j] ||= begin
      from = Integer(m.in_bus)
      bus = @mod_sound_studio.new_fx_bus
      opts = { in_bus: from, out_bus: bus.to_i, pre_amp: b, pan: p }
      group = @mod_sound_studio.mixer_group
      node = @mod_sound_studio.trigger_synth("sonic-pi-fx_pan", group, opts, nil, true, false, :head)
      m.ctl_now(in_bus: bus.to_i)
      m.on_destroyed { $sonickube_pans.delete(j); node.kill(true); bus.free }
      [node, b, p]
    end
  end rescue nil
}"""
"""Puts a pan before the mixer of a job, once, without a gap in what sounds; it ends with the mixer."""

_LEVELS = """\
sk_pan = {pan}
sk_levels = {{{levels}}}
sk_levels.each do |j, (a, b, p)|
  m = (@job_mixers || @JOB_MIXERS_A.deref)[j] || next
  m.ctl_now(amp: a, amp_slide: {slide})
  sk_pan.call(j, m) unless p == 0
  n = $sonickube_pans[j] if $sonickube_pans.is_a?(Hash)
  n[1, 2] = b, p if n
end
sk_levels.each_key do |j|
  n = $sonickube_pans.is_a?(Hash) && $sonickube_pans[j] || next
  n[0].wait_until_started(0.2) rescue nil  # What has not begun cannot slide; a later run may be here first.
  n[0].ctl_now(pre_amp: n[1], pan: n[2], pre_amp_slide: {slide}, pan_slide: {slide})
end
"""

_TAUGHT = """\
$sonickube_runs = {} unless $sonickube_runs.is_a?(Hash)
$sonickube_ends ||= begin
  @life_hooks.extend(Module.new do
    def exit(job, *rest)
      super
    ensure
      over = $sonickube_runs.delete(job) rescue nil
      over.call if over
    end
  end)
rescue Exception
end
$sonickube_names ||= begin
  extend(Module.new do
    def live_loop(name = nil, *args, &block)
      own, opts, body = sonickube_loop(name, args, block)
      own ? super(own, opts, &body) : super
    end

    def in_thread(*args, &block)
      opts = sonickube_thread(args)
      opts ? super(opts, &block) : super
    end

    def sonickube_loop(name, args, block)
      job = __current_job_id
      return unless $sonickube_runs[job] && block && block.arity.between?(0, 1)
      return unless name.is_a?(Symbol) || name.is_a?(String)
      opts = {}.merge(resolve_synth_opts_hash_or_array(args))
      return if [opts[:sync], opts[:sync_bpm]].include?(name)
      cues = opts.fetch(:auto_cue, true)
      tell = -> { cues && (respond_to?(:__live_loop_cue, true) ? __live_loop_cue(name) : cue(name)) }
      body = block.arity == 0 ? proc { tell.call; block.call } : proc { |a| tell.call; block.call(a) }
      [:"#{name}__sk#{job}", opts.merge(auto_cue: false), body]
    rescue StandardError
      nil
    end

    def sonickube_thread(args)
      job = __current_job_id
      return unless $sonickube_runs[job]
      opts = {}.merge(resolve_synth_opts_hash_or_array(args))
      name = opts[:name]
      opts.merge(name: :"#{name}__sk#{job}") unless !name || name.to_s.end_with?("__sk#{job}")
    rescue StandardError
      nil
    end
  end)
rescue Exception
end
"""
"""What a Sonic Pi is taught, once: to tell when a run of ours has ended, and to give the loops and named
threads of each run names of their own, which bring nobody else's body or mixer along. Cues keep the written
name.

What could not be taught is tried again by every question for runs. The end is heard where Sonic Pi tells its
own hooks, because from 4.0 on no hook can be added once a run has begun (v4.5.1,
app/server/ruby/lib/sonicpi/lifecyclehooks.rb:33).
"""

_RUNNING = """\
sk_running = [{jobs}].select {{ |j| @user_jobs.running?(j) }}
{send}
sk_runs = $sonickube_runs
sk_runs.keys.each do |j|
  sk_over = sk_runs.delete(j) unless @user_jobs.running?(j)
  sk_over.call if sk_over
end
"""

_RUN = """\
use_debug false
use_bpm {tempo}
use_random_seed {id}
sk_tell = ->(what, *args) {{ {send} }}
begin
  sk_job = __current_job_id
  $sonickube_runs = {{}} unless $sonickube_runs.is_a?(Hash)
  $sonickube_runs[sk_job] = -> {{
    @user_methods.instance_methods(false).grep(/\\Alive_loop_.*__sk#{{sk_job}}\\z/) do |l|
      @user_methods.send(:remove_method, l)
    end rescue nil
    sk_tell.call("ended")
  }}
  require "json"
  sk_text = ->(base64) {{ base64.unpack("m")[0].force_encoding("utf-8") }}
  ev = ::JSON.parse(sk_text.call("{event}"), symbolize_names: true)
  sk_code = SonicPi::PreParser.preparse(sk_text.call("{snippet}"), SonicPi::Lang::Core.vec_fns)
  sk_run = -> {{ eval(sk_code, binding, "snippet", 1) }}
  sk_mixed = begin
    job_bus sk_job
    job_mixer(sk_job).ctl_now(amp: {level})
    {pan}
    true
  rescue StandardError
    false
  end
  sk_tell.call("started", sk_job)  # By now its mixer is there to be moved, and is not set back any more.
  sk_mixed ? sk_run.call : with_fx(:pan, pre_amp: {gain}, pan: {place}) {{ sk_run.call }}
  sk_tell.call("done")
rescue SonicPi::Stop
  sk_tell.call("done")
rescue Exception => e
  sk_plain = ->(said) {{ said.to_s.dup.force_encoding("utf-8").scrub("?").delete("\\0")[0, 400] }}
  sk_says = sk_plain.call(e.message)
  sk_at = [sk_says, *e.backtrace].map {{ |l| l[/\\Asnippet:(\\d+)/, 1] }}.compact.first
  sk_tell.call("failed", sk_plain.call(e.class), sk_says, sk_at.to_i)
end
"""
