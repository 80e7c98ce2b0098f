# One run: a snippet begun, and taken on from time to time. What the console calls.

# What a snippet is run in; its own functions become methods of this class.
class Snippet
  include Language

  def inspect = "snippet"
  alias to_s inspect

  private

  # Where the text runs: it finds the event and nothing else of ours.
  def scope(ev) = binding
end

# What would end the program ends the snippet, at its line.
[Kernel, Kernel.singleton_class, Process.singleton_class].each do |place|
  place.define_method(:exit!) { |*| exit }
end

module Run
  # Names of Sonic Pi's that are not here, and why.
  def self.refuse(names)
    names.each do |name, why|
      Language.define_method(name) do |*, **|
        raise MissingError, "#{name} is not in the built-in player: #{why}"
      end
    end
  end

  # Names that change nothing here: a block is called, anything else is left alone.
  def self.ignore(names)
    names.each { |name| Language.define_method(name) { |*, &block| block&.call } }
  end

  # `told` has the snippet's text, its event, the tempo and the random seed.
  def self.begin(told)
    Scheduler.reset
    Score.reset
    Cues.reset
    Link.reset
    Scope.reset
    Mixer.reset
    Clock.began = told[:event].fetch(:at, 0).to_r
    snippet = Strand.snippet = Snippet.new
    scope = snippet.send(:scope, told[:event])
    Scheduler.add(Strand.new do
      snippet.use_bpm(told[:tempo])
      snippet.use_random_seed(told[:seed])
      scope.eval(told[:text], "snippet", 1)
    end)
  end

  # The events up to a virtual time, and whether there will be more.
  def self.advance(limit)
    Scheduler.advance(limit)
    return Wire.write(Score.take(limit)) unless Scheduler.ended?

    Scope.close_all(Scheduler.time)
    events = Score.take(Float::INFINITY)
    Wire.write(events << { type: :Ended, at: events.last ? events.last[:at] : limit })
  end
end
